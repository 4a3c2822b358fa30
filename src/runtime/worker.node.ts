import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, serveEngine } from './engine.ts';
import { openEngine } from './open-engine.node.ts';
import type { Reply, Request, WorkerStart } from './protocol.ts';
import { enter, type GateState, leave } from './worker-gate.ts';

/** The worker thread of Node. */

/** `gate` is there for native code only: wasm can be interrupted anywhere. */
const { gate, ...start } = workerData as WorkerStart & { gate?: GateState };
const port = parentPort!;
const post = (reply: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer);

async function open(): Promise<void> {
  try {
    const { ort, version } = await openEngine(start);
    const serve = serveEngine(ort, start, post, gate);
    // Closing the port is all that is needed to end: nothing else keeps this thread.
    port.on('message', (request: Request | 'stop') => (request === 'stop' ? port.close() : serve(request)));
    post({ id: 0, ok: true, value: { version } });
  } catch (error) {
    post({ id: 0, ok: false, message: messageOf(error) });
  }
}

if (gate === undefined) await open();
else if (enter(gate)) await open().finally(() => leave(gate));
