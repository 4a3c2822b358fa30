import type { OrtModule } from './engine.ts';
import { identityModel } from './identity-model.ts';
import type { WorkerStart } from './protocol.ts';

/**
 * Loads the package behind a runtime: onnxruntime-node (CPU, WebGPU) or onnxruntime-web (WebAssembly), and
 * runs it up, so that a missing adapter or .wasm file shows here.
 */
export async function openEngine(start: WorkerStart): Promise<{ ort: OrtModule; version: string }> {
  const { ort, version } = start.runtime === 'wasm' ? await openWasm(start) : await openNative();
  const executionProviders = [start.runtime === 'native' ? 'cpu' : start.runtime];
  const session = await ort.InferenceSession.create(identityModel, {
    executionProviders,
    logSeverityLevel: 4,
  });
  await session.release();
  return { ort, version };
}

async function openWasm(start: WorkerStart) {
  const ort = await import('onnxruntime-web');
  ort.env.logLevel = 'fatal';
  ort.env.wasm.numThreads = start.threads;
  if (start.wasmPaths !== undefined) ort.env.wasm.wasmPaths = start.wasmPaths;
  return { ort: ort as OrtModule, version: `onnxruntime-web ${ort.env.versions.web}` };
}

async function openNative() {
  const ort = await import('onnxruntime-node');
  ort.env.logLevel = 'fatal';
  return { ort: ort as OrtModule, version: `onnxruntime-node ${ort.env.versions.node}` };
}
