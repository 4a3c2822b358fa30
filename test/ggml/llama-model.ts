import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ggmlLibraries } from './oracle.ts';

/** A GGUF file in llama.cpp v0.5.0 itself, on the CPU: what its graphs make of our tensors and keys. */
export interface LlamaModel {
  /**
   * Logits of every position, [tokens, vocabulary]. The cache is float32 and attention is computed step by step, so
   * that nothing but the order of sums differs from a float32 model.
   */
  logits(ids: readonly number[]): Float32Array[];
  close(): void;
}

const require = createRequire(import.meta.url);

/** GGML_TYPE_F32, LLAMA_FLASH_ATTN_TYPE_DISABLED. */
const [F32, NO_FLASH] = [0, 0];

/** Layouts of include/llama.h of v0.5.0. */
function declare() {
  const koffi = require('koffi');
  const folder = ggmlLibraries()!;
  const load = (name: string) => koffi.load(join(folder, name), { global: true });
  load('libggml-base.so');
  const ggml = load('libggml.v0.5.0.so');
  const llama = load('libllama.v0.5.0.so');
  const ModelParameters = koffi.struct({
    devices: 'void *',
    bufferTypes: 'void *',
    gpuLayers: 'int32',
    splitMode: 'int',
    loadMode: 'int',
    lazyMode: 'int',
    mainGpu: 'int32',
    tensorSplit: 'void *',
    progress: 'void *',
    progressData: 'void *',
    overrides: 'void *',
    vocabularyOnly: 'bool',
    checkTensors: 'bool',
    extraBuffers: 'bool',
    noHost: 'bool',
    noAlloc: 'bool',
    loadMtp: 'bool',
  });
  const ContextParameters = koffi.struct({
    context: 'uint32',
    batch: 'uint32',
    microBatch: 'uint32',
    sequences: 'uint32',
    snapshots: 'uint32',
    outputs: 'uint32',
    outputsPerSequence: 'uint32',
    threads: 'int32',
    batchThreads: 'int32',
    contextType: 'int',
    ropeScaling: 'int',
    pooling: 'int',
    attention: 'int',
    flash: 'int',
    ropeBase: 'float',
    ropeScale: 'float',
    yarnExt: 'float',
    yarnAttention: 'float',
    yarnFast: 'float',
    yarnSlow: 'float',
    yarnOriginal: 'uint32',
    defragment: 'float',
    evaluate: 'void *',
    evaluateData: 'void *',
    keyType: 'int',
    valueType: 'int',
    abort: 'void *',
    abortData: 'void *',
    embeddings: 'bool',
    offload: 'bool',
    noTimings: 'bool',
    offloadOperators: 'bool',
    fullWindow: 'bool',
    unified: 'bool',
    samplers: 'void *',
    samplerCount: 'size_t',
    other: 'void *',
  });
  const Batch = koffi.struct({
    count: 'int32',
    tokens: 'int32 *',
    embeddings: 'void *',
    positions: 'void *',
    sequenceCounts: 'void *',
    sequences: 'void *',
    wanted: 'int8 *',
  });
  const Log = koffi.proto('void LlamaLog(int level, const char *text, void *data)');
  return {
    koffi,
    folder,
    loadBackends: ggml.func('void ggml_backend_load_all_from_path(const char *folder)'),
    begin: llama.func('void llama_backend_init()'),
    setLog: llama.func('llama_log_set', 'void', [koffi.pointer(Log), 'void *']),
    logger: (f: (level: number, text: string) => void) => koffi.register(f, koffi.pointer(Log)),
    modelDefaults: llama.func('llama_model_default_params', ModelParameters, []),
    contextDefaults: llama.func('llama_context_default_params', ContextParameters, []),
    load: llama.func('llama_model_load_from_file', 'void *', ['str', ModelParameters]),
    open: llama.func('llama_init_from_model', 'void *', ['void *', ContextParameters]),
    decode: llama.func('llama_decode', 'int', ['void *', Batch]),
    logitsAt: llama.func('llama_get_logits_ith', 'void *', ['void *', 'int']),
    vocabulary: llama.func('llama_model_get_vocab', 'void *', ['void *']),
    tokenCount: llama.func('llama_vocab_n_tokens', 'int', ['void *']),
    freeContext: llama.func('llama_free', 'void', ['void *']),
    freeModel: llama.func('llama_model_free', 'void', ['void *']),
  };
}

let library: ReturnType<typeof declare> | undefined;
/** What llama.cpp said since the last model was opened. */
let said: string[] = [];

function started(): ReturnType<typeof declare> {
  if (library !== undefined) return library;
  library = declare();
  library.setLog(
    library.logger((_, text) => said.push(text)),
    null,
  );
  library.loadBackends(library.folder);
  library.begin();
  return library;
}

/** @throws Error with llama.cpp's own words when it refuses the file */
export function openLlamaModel(path: string): LlamaModel {
  const l = started();
  said = [];
  const model = l.load(path, { ...l.modelDefaults(), gpuLayers: 0, extraBuffers: false });
  if (model === null) throw new Error(`llama.cpp does not load ${path}:\n${said.slice(-6).join('')}`);
  const vocabulary = l.tokenCount(l.vocabulary(model));
  return {
    logits(ids) {
      const context = l.open(model, {
        ...l.contextDefaults(),
        context: ids.length,
        batch: ids.length,
        microBatch: ids.length,
        threads: 1,
        batchThreads: 1,
        flash: NO_FLASH,
        keyType: F32,
        valueType: F32,
        fullWindow: true,
      });
      if (context === null) throw new Error(`llama.cpp opens no context:\n${said.slice(-6).join('')}`);
      try {
        const failed = l.decode(context, {
          count: ids.length,
          tokens: Int32Array.from(ids),
          embeddings: null,
          positions: null,
          sequenceCounts: null,
          sequences: null,
          wanted: new Int8Array(ids.length).fill(1),
        });
        if (failed !== 0) throw new Error(`llama_decode gives ${failed}:\n${said.slice(-6).join('')}`);
        return ids.map((_, i) =>
          Float32Array.from(l.koffi.decode(l.logitsAt(context, i), 'float', vocabulary) as Float32Array),
        );
      } finally {
        l.freeContext(context);
      }
    },
    close: () => l.freeModel(model),
  };
}
