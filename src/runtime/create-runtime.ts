import { platform } from '#runtime-platform';
import { fail, LowbitError, throwIfAborted } from '../tensor/index.ts';
import { capabilities } from './capabilities.ts';
import type { Runtime, RuntimeName } from './runtime.ts';
import { WorkerRuntime } from './worker-runtime.ts';

/** How a runtime is started. */
export interface RuntimeOptions {
  /** Threads inside one operator. Default: all cores for `native`, 1 for `wasm` and `webgpu`. */
  readonly threads?: number;
  /** Folder or URL prefix of onnxruntime-web's .wasm files; default: beside its script. */
  readonly wasmPaths?: string;
  /** Ends the worker at once; what it was doing fails with `run/aborted`. */
  readonly signal?: AbortSignal;
}

/** Which runtime a machine gets that did not ask for one, best first. */
const preference: readonly RuntimeName[] = ['native', 'wasm'];

/**
 * Starts ONNX Runtime in a worker of its own. Without a name: native where it is installed and loads, else
 * WebAssembly, and `notes` says so.
 * @throws runtime/unavailable when the one asked for cannot start.
 */
export async function createRuntime(name?: RuntimeName, options: RuntimeOptions = {}): Promise<Runtime> {
  throwIfAborted(options.signal);
  if (name !== undefined) return start(name, options, []);
  const { platform: kind } = await capabilities();
  if (kind === 'browser') return start('wasm', options, []);
  const notes: string[] = [];
  for (const candidate of preference) {
    try {
      return await start(candidate, options, notes);
    } catch (error) {
      if (!(error instanceof LowbitError) || error.code !== 'runtime/unavailable') throw error;
      notes.push(`${error.message} Using the next runtime instead; it is slower.`);
    }
  }
  return fail('runtime/unavailable', { runtime: preference.join(' and '), why: notes.join(' ') });
}

async function start(name: RuntimeName, options: RuntimeOptions, notes: readonly string[]): Promise<Runtime> {
  const { cores } = await capabilities();
  const threads = options.threads ?? (name === 'native' ? cores : 1);
  const request = { runtime: name, threads, ...(options.wasmPaths && { wasmPaths: options.wasmPaths }) };
  const runtime = new WorkerRuntime(platform.startWorker(request), request, notes);
  try {
    await runtime.start(options.signal);
  } catch (error) {
    await runtime.close();
    throw error;
  }
  return runtime;
}
