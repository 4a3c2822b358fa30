import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ggmlLibraries } from './oracle.ts';

/** A tensor as ggml's reader sees it. */
export interface OracleTensor {
  readonly name: string;
  readonly type: number;
  /** In the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** ggml's own reader and writer of GGUF files, as llama.cpp v0.5.0 ships them. */
export interface GgufOracle {
  /** What the file holds; undefined when ggml refuses it. */
  read(path: string): { readonly keys: string[]; readonly tensors: OracleTensor[] } | undefined;
  /** Reads a file whole and writes its keys and tensors with ggml's writer. */
  rewrite(path: string, to: string): void;
}

export function openGgufOracle(): GgufOracle {
  const koffi = createRequire(import.meta.url)('koffi');
  const library = koffi.load(join(ggmlLibraries()!, 'libggml-base.so'));
  // It would say on stderr why it refuses a file.
  const Log = koffi.proto('void (int level, const char *text, void *user)');
  const silent = koffi.register(() => {}, koffi.pointer(Log));
  library.func('ggml_log_set', 'void', [koffi.pointer(Log), 'void *'])(silent, null);
  const Parameters = koffi.struct({ noAlloc: 'bool', context: 'void **' });
  const init = library.func('gguf_init_from_file', 'void *', ['str', Parameters]);
  const call = (signature: string) => library.func(signature);
  const empty = call('void *gguf_init_empty()');
  const free = call('void gguf_free(void *)');
  const freeContext = call('void ggml_free(void *)');
  const countKeys = call('int64_t gguf_get_n_kv(const void *)');
  const keyOf = call('const char *gguf_get_key(const void *, int64_t)');
  const countTensors = call('int64_t gguf_get_n_tensors(const void *)');
  const nameOf = call('const char *gguf_get_tensor_name(const void *, int64_t)');
  const offsetOf = call('size_t gguf_get_tensor_offset(const void *, int64_t)');
  const typeOf = call('int gguf_get_tensor_type(const void *, int64_t)');
  const sizeOf = call('size_t gguf_get_tensor_size(const void *, int64_t)');
  const dataOffset = call('size_t gguf_get_data_offset(const void *)');
  const setKeys = call('void gguf_set_kv(void *, const void *)');
  const addTensor = call('void gguf_add_tensor(void *, const void *)');
  const tensorOf = call('void *ggml_get_tensor(void *, const char *)');
  const write = call('bool gguf_write_to_file(const void *, const char *, bool)');
  return {
    read(path) {
      const file = init(path, { noAlloc: true, context: null });
      if (file === null) return undefined;
      const start = Number(dataOffset(file));
      const keys = Array.from({ length: Number(countKeys(file)) }, (_, i) => keyOf(file, i) as string);
      const tensors = Array.from({ length: Number(countTensors(file)) }, (_, i) => ({
        name: nameOf(file, i) as string,
        type: typeOf(file, i) as number,
        offset: start + Number(offsetOf(file, i)),
        sizeBytes: Number(sizeOf(file, i)),
      }));
      free(file);
      return { keys, tensors };
    },
    rewrite(path, to) {
      const context = koffi.alloc('void *', 1);
      const file = init(path, { noAlloc: false, context });
      if (file === null) throw new Error(`ggml refuses ${path}`);
      const data = koffi.decode(context, 'void *');
      const copy = empty();
      setKeys(copy, file);
      for (let i = 0; i < Number(countTensors(file)); i++) addTensor(copy, tensorOf(data, nameOf(file, i)));
      const written = write(copy, to, false);
      free(copy);
      free(file);
      freeContext(data);
      koffi.free(context);
      if (!written) throw new Error(`ggml cannot write ${to}`);
    },
  };
}
