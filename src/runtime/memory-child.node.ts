import { writeFileSync } from 'node:fs';
import { messageOf, serveEngine } from './engine.ts';
import { openEngine } from './open-engine.node.ts';
import type { MemoryReply, MemoryRequest } from './platform.ts';
import type { Reply, Request } from './protocol.ts';

/** A process of its own in which a model is loaded and run while its resident memory is watched. */

type Without<R> = R extends unknown ? Omit<R, 'id' | 'session'> : never;

// Nobody is left to tell.
process.once('disconnect', () => process.exit());
process.once('message', (request: MemoryRequest) => {
  measure(request).then(
    (peakBytes) => answer({ ok: true, peakBytes }),
    (error) => answer({ ok: false, message: messageOf(error) }),
  );
});

function answer(reply: MemoryReply): void {
  process.send!(reply, () => process.exit());
}

async function measure({ model, feeds, runtime, threads, runs, options }: MemoryRequest): Promise<number> {
  const start = { runtime, threads };
  const { ort } = await openEngine(start);
  let settle: (reply: Reply) => void = () => {};
  const serve = serveEngine(ort, start, (reply) => settle(reply));
  const call = (request: Without<Request>) =>
    new Promise<void>((resolve, reject) => {
      settle = (reply) => (reply.ok ? resolve() : reject(new Error(reply.message)));
      serve({ ...request, id: 1, session: 1 } as Request);
    });
  const before = startWatching();
  await call({ kind: 'load', model, options });
  for (let i = 0; i < runs; i++) await call({ kind: 'run', feeds: { ...feeds } });
  return Math.max(0, process.resourceUsage().maxRSS * 1024 - before);
}

/** Resident bytes now. On Linux the high-water mark starts over; elsewhere it keeps that of the start. */
function startWatching(): number {
  globalThis.gc?.();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // No such file, or not ours to write: the peak of loading ONNX Runtime counts too.
  }
  return process.memoryUsage.rss();
}
