import * as ort from 'onnxruntime-web/wasm';
import { serveWorker } from './serve-worker.web.ts';

/** The page's WebAssembly worker: the same .wasm file that Node runs, so the same bits. */
serveWorker(ort);
