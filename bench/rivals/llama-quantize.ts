import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openFile, readImatrix } from 'lowbit/files';
import { type FileTypeName, fileTypes } from 'lowbit/numerics';
import { projectFile } from '../../examples/glyphs/project-file.ts';

/** One file that llama.cpp is asked to quantize. */
export interface LlamaQuantizeJob {
  readonly input: string;
  readonly output: string;
  readonly fileType: FileTypeName;
  readonly threads: number;
  /** Path of an importance matrix. */
  readonly imatrix?: string;
  readonly pure?: boolean;
}

export interface LlamaQuantizeResult {
  /** llama_model_quantize alone, without the start of the process and the loading of the library. */
  readonly ms: number;
  readonly peakRssBytes: number;
}

/** Where the shared libraries of llama.cpp v0.5.0 are, as node-llama-cpp ships them. */
export const llamaLibraries = (): string =>
  projectFile('node_modules/@node-llama-cpp/linux-x64/bins/linux-x64');

/**
 * llama.cpp's own llama_model_quantize, called in a process of its own: what `llama-quantize` does, by the same code.
 */
export async function llamaQuantize(job: LlamaQuantizeJob): Promise<LlamaQuantizeResult> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [fileURLToPath(import.meta.url), JSON.stringify(job)],
    { maxBuffer: 2 ** 28 },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

async function quantizeHere(job: LlamaQuantizeJob): Promise<LlamaQuantizeResult> {
  const koffi = createRequire(import.meta.url)('koffi');
  const load = (name: string) => koffi.load(join(llamaLibraries(), name), { global: true });
  load('libggml-base.so');
  load('libggml.v0.5.0.so');
  const llama = load('libllama.v0.5.0.so');
  // llama.h of v0.5.0.
  const Importance = koffi.struct({ name: 'const char *', data: 'const float *', size: 'size_t' });
  const Parameters = koffi.struct({
    threads: 'int32',
    fileType: 'int32',
    outputType: 'int32',
    embeddingType: 'int32',
    allowRequantize: 'bool',
    quantizeOutput: 'bool',
    onlyCopy: 'bool',
    pure: 'bool',
    keepSplit: 'bool',
    dryRun: 'bool',
    imatrix: koffi.pointer(Importance),
    overrides: 'void *',
    tensorTypes: 'void *',
    prune: 'void *',
    bufferBytes: 'size_t',
  });
  const defaults = llama.func('llama_model_quantize_default_params', Parameters, []);
  const quantize = llama.func('llama_model_quantize', 'uint32', [
    'const char *',
    'const char *',
    koffi.pointer(Parameters),
  ]);
  const entries = job.imatrix ? await importanceOf(job.imatrix) : undefined;
  const imatrix = entries && koffi.alloc(Importance, entries.length + 1);
  if (imatrix) {
    const rows = entries.map(({ name, values }) => ({ name, data: values, size: values.length }));
    koffi.encode(imatrix, koffi.array(Importance, rows.length + 1), [
      ...rows,
      { name: null, data: null, size: 0 },
    ]);
  }
  const parameters = {
    ...defaults(),
    threads: job.threads,
    fileType: fileTypes[job.fileType].id,
    allowRequantize: true,
    pure: job.pure ?? false,
    imatrix: imatrix ?? null,
  };
  const start = performance.now();
  const code = quantize(job.input, job.output, parameters);
  const ms = performance.now() - start;
  if (code !== 0) throw new Error(`llama_model_quantize: ${code}`);
  return { ms, peakRssBytes: process.resourceUsage().maxRSS * 1024 };
}

async function importanceOf(path: string): Promise<{ name: string; values: Float32Array }[]> {
  const { source } = await openFile(path);
  const { entries } = await readImatrix(source);
  return [...entries].map(([name, { values }]) => ({ name, values }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await quantizeHere(JSON.parse(process.argv[2]!))));
}
