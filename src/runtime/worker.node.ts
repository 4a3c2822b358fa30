import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, type OrtModule, serveEngine } from './engine.ts';
import { identityModel } from './identity-model.ts';
import type { Reply, Request, WorkerStart } from './protocol.ts';

/** The worker of Node: onnxruntime-node (CPU, WebGPU) or onnxruntime-web (WebAssembly). */

const start = workerData as WorkerStart;
const port = parentPort!;
const post = (reply: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer);

async function open(): Promise<{ ort: OrtModule; version: string }> {
  if (start.runtime === 'wasm') {
    const ort = await import('onnxruntime-web');
    ort.env.logLevel = 'error';
    ort.env.wasm.numThreads = start.threads;
    if (start.wasmPaths !== undefined) ort.env.wasm.wasmPaths = start.wasmPaths;
    return { ort, version: `onnxruntime-web ${ort.env.versions.web}` };
  }
  const ort = await import('onnxruntime-node');
  ort.env.logLevel = 'error';
  return { ort, version: `onnxruntime-node ${ort.env.versions.node}` };
}

try {
  const { ort, version } = await open();
  const serve = serveEngine(ort, start, post);
  port.on('message', (request: Request) => serve(request));
  // Only a session tells whether there is an adapter behind WebGPU, or a wasm file behind onnxruntime-web.
  if (start.runtime !== 'native') {
    const executionProviders = [start.runtime];
    await (
      await ort.InferenceSession.create(identityModel, { executionProviders, logSeverityLevel: 3 })
    ).release();
  }
  post({ id: 0, ok: true, value: { version } });
} catch (error) {
  post({ id: 0, ok: false, message: messageOf(error) });
}
