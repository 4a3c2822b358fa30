import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, serveEngine } from './engine.ts';
import { openEngine } from './open-engine.node.ts';
import type { Reply, Request, WorkerStart } from './protocol.ts';

/** The worker thread of Node. */

const start = workerData as WorkerStart;
const port = parentPort!;
const post = (reply: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer);

try {
  const { ort, version } = await openEngine(start);
  const serve = serveEngine(ort, start, post);
  port.on('message', (request: Request) => serve(request));
  post({ id: 0, ok: true, value: { version } });
} catch (error) {
  post({ id: 0, ok: false, message: messageOf(error) });
}
