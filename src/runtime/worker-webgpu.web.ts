import * as ort from 'onnxruntime-web/webgpu';
import { serveWorker } from './serve-worker.web.ts';

/** The page's WebGPU worker. */
serveWorker(ort);
