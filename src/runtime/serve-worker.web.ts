import type * as OrtWeb from 'onnxruntime-web';
import { messageOf, serveEngine } from './engine.ts';
import { identityModel } from './identity-model.ts';
import type { Reply, Request, WorkerStart } from './protocol.ts';

/**
 * A Web Worker's life: the first message is its `WorkerStart`, the rest are requests. Static imports of
 * onnxruntime-web in the two worker files let a bundler make each worker one script, and find its .wasm.
 */
export function serveWorker(ort: Pick<typeof OrtWeb, 'InferenceSession' | 'Tensor' | 'env'>): void {
  const post = (reply: Reply, transfer: ArrayBuffer[] = []) => self.postMessage(reply, { transfer });
  let serve: ((request: Request) => void) | undefined;

  async function open(start: WorkerStart): Promise<void> {
    ort.env.logLevel = 'fatal';
    ort.env.wasm.numThreads = start.threads;
    if (start.wasmPaths !== undefined) ort.env.wasm.wasmPaths = start.wasmPaths;
    serve = serveEngine(ort, start, post);
    try {
      const options = { executionProviders: [start.runtime], logSeverityLevel: 4 as const };
      await (await ort.InferenceSession.create(identityModel, options)).release();
      post({ id: 0, ok: true, value: { version: `onnxruntime-web ${ort.env.versions.web}` } });
    } catch (error) {
      post({ id: 0, ok: false, message: messageOf(error) });
    }
  }

  self.addEventListener('message', (event: MessageEvent<WorkerStart | Request>) => {
    if (serve !== undefined) serve(event.data as Request);
    else void open(event.data as WorkerStart);
  });
}
