import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { fail, LowbitError, throwIfAborted } from '../tensor/index.ts';
import { importanceOf, jobBytes } from './inline-pool.ts';
import { refuseValue } from './refuse-value.ts';
import { storedRuns } from './stored-runs.ts';
import { countTiles, type TensorJob, tileShape } from './tensor-job.ts';
import {
  type FileJob,
  type FilesRequest,
  STOPPING,
  type ThreadReply,
  type ThreadRequest,
  type TileFault,
  type TileRequest,
} from './thread-protocol.ts';
import type { EncodeRequest, TileOutput, TilePool, TilePoolOptions } from './tile-pool.ts';
import { tileRowsOf } from './tile-shape.ts';

/** How often progress is looked at while threads work by themselves. */
const POLL_MS = 100;
/**
 * Threads that nobody asked for by number. A thread takes about 16 MB, and more of them encode faster than disks read.
 */
const MOST_THREADS = 16;
/** Tiles that wait in each thread, so that it never waits for the next. */
const QUEUED = 2;

/**
 * The built file of the worker. Node 20 runs no TypeScript, so from source the build under dist/ is used.
 * @throws runtime/not-built
 */
function workerScript(): string {
  const here = fileURLToPath(import.meta.url);
  const folder = dirname(here);
  const path = here.endsWith('.ts')
    ? join(folder, '..', '..', 'dist', 'src', 'compute', 'tile-worker.node.js')
    : join(folder, 'tile-worker.node.js');
  if (!existsSync(path)) fail('runtime/not-built', { path });
  return path;
}

type Unnumbered<R> = R extends unknown ? Omit<R, 'id'> : never;

/** One thread: requests are answered in order. */
class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { resolve: (reply: ThreadReply) => void; reject: (error: Error) => void }
  >();
  #nextId = 0;
  #ended: Error | undefined;

  constructor() {
    this.#worker = new Worker(workerScript(), { execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (reply: ThreadReply) => this.#receive(reply));
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', (code) =>
      this.#end(new LowbitError('compute/thread-lost', { why: `it ended with code ${code}` })),
    );
  }

  get queued(): number {
    return this.#waiting.size;
  }

  call(request: Unnumbered<ThreadRequest>): Promise<ThreadReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ ...request, id });
    });
  }

  /** Ends the thread wherever it is; nothing of it runs any more when the promise is kept. */
  async terminate(why: Error): Promise<void> {
    this.#end(why);
    await this.#worker.terminate();
  }

  #receive(reply: ThreadReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (reply.kind === 'error') waiting?.reject(new Error(reply.message));
    else waiting?.resolve(reply);
  }

  #end(why: Error): void {
    this.#ended ??= why;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

export function threadPool({
  threads = Math.min(availableParallelism(), MOST_THREADS),
}: TilePoolOptions): TilePool {
  let started: Thread[] = [];
  let ending: Promise<unknown> = Promise.resolve();
  const start = (count: number): Thread[] => {
    while (started.length < Math.min(threads, count)) started.push(new Thread());
    return started.slice(0, Math.min(threads, count));
  };
  const end = async (why: Error) => {
    const all = started;
    started = [];
    ending = Promise.all([ending, ...all.map((thread) => thread.terminate(why))]);
    await ending;
  };
  return {
    threads,
    prepare: (tiles) => void start(tiles),
    async encode(request) {
      const { signal } = request;
      throwIfAborted(signal);
      const aborted = new LowbitError('run/aborted', {}, { cause: signal?.reason });
      const stop = () => void end(aborted);
      signal?.addEventListener('abort', stop, { once: true });
      try {
        await encodeAll(request, start);
      } catch (error) {
        // Whatever went wrong, no thread writes to a file that the caller is about to close.
        await end(error as Error);
        throw signal?.aborted ? aborted : error;
      } finally {
        signal?.removeEventListener('abort', stop);
      }
    },
    close: () => end(new LowbitError('compute/thread-lost', { why: 'the pool was closed' })),
  };
}

/** A job with the number of its first tile. */
interface Numbered {
  readonly job: TensorJob;
  readonly first: number;
}

async function encodeAll(request: EncodeRequest, start: (count: number) => Thread[]): Promise<void> {
  const { jobs, outputs, onProgress, onTiles } = request;
  const flags = new Uint8Array(new SharedArrayBuffer(Math.max(1, countTiles(jobs))));
  if (request.done) flags.set(request.done);
  let first = 0;
  const numbered = jobs.map((job): Numbered => {
    const entry = { job, first };
    first += tileShape(job).tiles;
    return entry;
  });
  const files: FileJob[] = [];
  const copied: Numbered[] = [];
  for (const entry of numbered) {
    const file = fileJob(entry, outputs[entry.job.file]!.descriptor);
    if (file === undefined) copied.push(entry);
    else files.push(file);
  }

  const total = jobs.reduce((sum, job) => sum + jobBytes(job), 0);
  const tiles = () => flags.slice(0, first);
  let saving: Promise<void> | undefined;
  let failed: unknown;
  const look = () => {
    onProgress?.({ done: doneBytes(numbered, flags), total });
    if (saving !== undefined || onTiles === undefined) return;
    saving = onTiles(tiles())
      .catch((error) => void (failed ??= error))
      .finally(() => void (saving = undefined));
  };
  const timer = setInterval(look, POLL_MS);
  try {
    await encodeCopied(request, copied, flags, start);
    await encodeFiles(request, files, flags, start, numbered);
  } finally {
    clearInterval(timer);
    await saving;
  }
  if (failed !== undefined) throw failed;
  onProgress?.({ done: total, total });
  await onTiles?.(tiles());
}

/** The job as threads do it by themselves; undefined where the main thread must carry its bytes. */
function fileJob({ job, first }: Numbered, output: number | undefined): FileJob | undefined {
  const { source, type, offset, importance } = job;
  const shape = tileShape(job);
  const runs = output === undefined || shape.tiles === 0 ? undefined : storedRuns(source);
  if (runs === undefined) return undefined;
  return {
    from: source.type,
    to: type,
    shape,
    firstTile: first,
    runs,
    output: output!,
    offset,
    ...(importance && { importance: shared(importance) }),
  };
}

function shared(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

/** Input bytes of the tiles that are done. */
function doneBytes(jobs: readonly Numbered[], flags: Uint8Array): number {
  let bytes = 0;
  for (const { job, first } of jobs) {
    const { tiles } = tileShape(job);
    if (tiles === 0) continue;
    let done = 0;
    for (let i = first; i < first + tiles; i++) done += flags[i]!;
    bytes += (done / tiles) * jobBytes(job);
  }
  return bytes;
}

async function encodeFiles(
  { search, outputs }: EncodeRequest,
  jobs: readonly FileJob[],
  done: Uint8Array,
  start: (count: number) => Thread[],
  numbered: readonly Numbered[],
): Promise<void> {
  const total = jobs.reduce((sum, job) => sum + job.shape.tiles, 0);
  if (total === 0) return;
  const control = new Int32Array(new SharedArrayBuffer(8));
  const request: Omit<FilesRequest, 'id'> = { kind: 'files', jobs, search, control, done };
  const replies = await Promise.all(
    start(total).map((thread) =>
      thread.call(request).catch((error) => {
        Atomics.store(control, STOPPING, 1);
        throw error;
      }),
    ),
  );
  // Tiles are taken in order, so every one before the first fault was looked at: whatever the threads, it is the same.
  const faults = replies.flatMap((reply) => (reply.kind === 'files' && reply.fault ? [reply.fault] : []));
  const [fault] = faults.sort((a, b) => a.tile - b.tile);
  if (fault !== undefined) await refuse(fault, numbered, outputs);
}

async function refuse(
  fault: TileFault,
  numbered: readonly Numbered[],
  outputs: readonly TileOutput[],
): Promise<never> {
  const { job, first } = numbered.findLast((entry) => entry.first <= fault.tile)!;
  if (fault.kind === 'value') {
    return refuseValue(job, tileRowsOf(tileShape(job), fault.tile - first).from, fault.index);
  }
  const { act, code, message } = fault;
  const rows = tileRowsOf(tileShape(job), fault.tile - first);
  const path =
    act === 'written' ? outputs[job.file]!.name : job.source.pieces!(rows.from, rows.to)[0]!.source.name;
  if (code === 'ENOSPC' || code === 'EDQUOT') fail('file/disk-full', { path });
  fail('file/failed', { path, act, message });
}

/** Tiles whose bytes the main thread carries: read ahead, written in the order of the jobs. */
async function encodeCopied(
  { outputs, search, signal }: EncodeRequest,
  jobs: readonly Numbered[],
  flags: Uint8Array,
  start: (count: number) => Thread[],
): Promise<void> {
  const pending: { write: () => Promise<void> }[] = [];
  const settle = () => pending.shift()?.write();
  for (const { job, first } of jobs) {
    const shape = tileShape(job);
    for (let i = 0; i < shape.tiles; i++) {
      if (flags[first + i] === 1) continue;
      throwIfAborted(signal);
      const threads = start(countTiles(jobs.map((entry) => entry.job)));
      const rows = tileRowsOf(shape, i);
      const bytes = await job.source.read(rows.from, rows.to);
      const thread = threads.reduce((least, each) => (each.queued < least.queued ? each : least));
      const importance = importanceOf(job, rows.group);
      const request: Omit<TileRequest, 'id'> = {
        kind: 'tile',
        from: job.source.type,
        to: job.type,
        rows: rows.to - rows.from,
        rowLength: shape.rowLength,
        search,
        bytes,
        ...(importance && { importance }),
      };
      const reply = thread.call(request);
      reply.catch(() => {});
      pending.push({
        async write() {
          const answer = await reply;
          if (answer.kind !== 'tile') throw new TypeError(`a thread answered ${answer.kind} to a tile`);
          if (typeof answer.result === 'number') await refuseValue(job, rows.from, answer.result);
          else {
            await outputs[job.file]!.write(job.offset + rows.from * shape.toBytes, answer.result);
            flags[first + i] = 1;
          }
        },
      });
      if (pending.length >= QUEUED * threads.length) await settle();
    }
  }
  while (pending.length > 0) await settle();
}
