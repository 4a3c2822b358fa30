import { fail } from '../tensor/index.ts';
import type { RuntimePlatform } from './platform.ts';
import type { Reply, Request, WorkerChannel, WorkerStart } from './protocol.ts';
import type { Capabilities, RuntimeName } from './runtime.ts';

/**
 * Bundlers find these workers by the literal `new Worker(new URL(...))`. The names end in .js for the
 * build; Vite takes the .ts beside it when it bundles from source.
 */
const workers: Readonly<Partial<Record<RuntimeName, () => Worker>>> = {
  wasm: () => new Worker(new URL('./worker-wasm.web.js', import.meta.url), { type: 'module' }),
  webgpu: () => new Worker(new URL('./worker-webgpu.web.js', import.meta.url), { type: 'module' }),
};

function startWorker(start: WorkerStart): WorkerChannel {
  const create = workers[start.runtime];
  if (create === undefined) {
    fail('runtime/unavailable', { runtime: start.runtime, why: 'a page cannot load native code' });
  }
  const worker = create();
  worker.postMessage(start);
  return {
    post: (request: Request, transfer) => worker.postMessage(request, [...transfer]),
    listen(received, lost) {
      worker.addEventListener('message', (event: MessageEvent<Reply>) => received(event.data));
      worker.addEventListener('error', (event) => lost(event.message || 'its script could not be loaded'));
      worker.addEventListener('messageerror', () => lost('a message could not be read'));
    },
    busy: () => {},
    terminate: async () => worker.terminate(),
  };
}

async function probe(): Promise<Capabilities> {
  const runtimes: RuntimeName[] = 'gpu' in navigator ? ['wasm', 'webgpu'] : ['wasm'];
  // wasm SIMD multiplies into 32 bits, whatever the processor under it.
  return { platform: 'browser', cores: navigator.hardwareConcurrency, vnni: true, cpu: undefined, runtimes };
}

export const platform: RuntimePlatform = { startWorker, probe };
