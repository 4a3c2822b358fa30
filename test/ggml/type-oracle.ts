import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ggmlLibraries } from './oracle.ts';

/** A model as llama.cpp's own choice of types sees it. */
export interface ModelDescription {
  readonly architecture: string;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly experts: number;
}

export interface TypeOracleOptions {
  readonly pure?: boolean;
  readonly outputType?: number;
  readonly embeddingType?: number;
}

/**
 * llama.cpp's own choice: ids of the types it gives tensors (in its order), undefined where it leaves one alone.
 * The functions are those that llama.cpp exports for its own tests (src/llama-ext.h), by their C++ symbols.
 */
export function openTypeOracle() {
  const require = createRequire(import.meta.url);
  const koffi = require('koffi');
  const folder = ggmlLibraries()!;
  const load = (name: string) => koffi.load(join(folder, name), { global: true });
  const base = load('libggml-base.so');
  load('libggml.v0.5.0.so');
  const llama = load('libllama.v0.5.0.so');

  const Parameters = koffi.struct({
    threads: 'int32',
    fileType: 'int32',
    output: 'int32',
    embedding: 'int32',
    requantize: 'bool',
    quantizeOutput: 'bool',
    onlyCopy: 'bool',
    pure: 'bool',
    keepSplit: 'bool',
    dryRun: 'bool',
    imatrix: 'void *',
    overrides: 'void *',
    types: 'void *',
    prune: 'void *',
    buffer: 'size_t',
  });
  const Description = koffi.struct({
    architecture: 'const char *',
    embedding: 'uint32',
    feedForward: 'uint32',
    layers: 'uint32',
    heads: 'uint32',
    keyHeads: 'uint32',
    experts: 'uint32',
    keyLength: 'uint32',
    valueLength: 'uint32',
  });
  const Init = koffi.struct({ size: 'size_t', buffer: 'void *', noAlloc: 'bool' });
  const defaults = llama.func('llama_model_quantize_default_params', Parameters, []);
  const model = llama.func('_Z31llama_quant_model_from_metadataPK22llama_quant_model_desc', 'void *', [
    koffi.pointer(Description),
  ]);
  const freeModel = llama.func('void llama_model_free(void *model)');
  const init = llama.func('_Z16llama_quant_initPK11llama_modelPK27llama_model_quantize_params', 'void *', [
    'void *',
    koffi.pointer(Parameters),
  ]);
  const free = llama.func('_Z16llama_quant_freeP19quantize_state_impl', 'void', ['void *']);
  const allows = llama.func(
    '_Z38llama_quant_tensor_allows_quantizationPK19quantize_state_implPK11ggml_tensor',
    'bool',
    ['void *', 'void *'],
  );
  const compute = llama.func(
    '_Z25llama_quant_compute_typesP19quantize_state_impl11llama_ftypePP11ggml_tensorP9ggml_typem',
    'void',
    ['void *', 'int', 'void **', 'int *', 'size_t'],
  );
  const context = base.func('ggml_init', 'void *', [Init]);
  const freeContext = base.func('void ggml_free(void *context)');
  const tensor = base.func('void *ggml_new_tensor(void *context, int type, int dims, const int64_t *ne)');
  const setName = base.func('void *ggml_set_name(void *tensor, const char *name)');
  const Log = koffi.proto('void QuietLog(int level, const char *text, void *data)');
  const quiet = koffi.register(() => {}, koffi.pointer(Log));
  llama.func('llama_log_set', 'void', [koffi.pointer(Log), 'void *'])(quiet, null);

  return (
    description: ModelDescription,
    tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
    fileTypes: readonly number[],
    options: TypeOracleOptions = {},
  ): (number | undefined)[][] => {
    const parameters = {
      ...defaults(),
      pure: options.pure ?? false,
      ...(options.outputType !== undefined && { output: options.outputType }),
      ...(options.embeddingType !== undefined && { embedding: options.embeddingType }),
    };
    // Kept in a variable: the state points into it.
    const kept = koffi.alloc(Parameters, 1);
    koffi.encode(kept, Parameters, parameters);
    const m = model({ ...description, embedding: 256, feedForward: 512, keyLength: 32, valueLength: 32 });
    const state = init(m, kept);
    const memory = context({ size: 1 << 24, buffer: null, noAlloc: true });
    try {
      const all = tensors.map(({ name, shape }) => {
        const made = tensor(memory, 1, shape.length, BigInt64Array.from([...shape].reverse(), BigInt));
        setName(made, name);
        return made;
      });
      const open = all.map((t) => allows(state, t));
      return fileTypes.map((fileType) => {
        const ids = new Int32Array(all.length);
        compute(state, fileType, all, ids, all.length);
        return [...ids].map((id, i) => (open[i] ? id : undefined));
      });
    } finally {
      freeContext(memory);
      free(state);
      freeModel(m);
    }
  };
}
