import { readSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { StoredType } from '../files/index.ts';
import type { BlockSearch } from '../kernels/ggml/block-twin.ts';
import {
  type FileJob,
  type FilesRequest,
  NEXT_TILE,
  STOPPING,
  type StoredRuns,
  type ThreadReply,
  type ThreadRequest,
  type TileFault,
  type TileRequest,
} from './thread-protocol.ts';
import { type TileEncoder, tileEncoder } from './tile-encoder.ts';
import { type TileRows, tileRowsOf } from './tile-shape.ts';

/** A worker thread of the pool. */

const port = parentPort!;
const encoders = new Map<string, Promise<TileEncoder>>();

function encoderOf(from: StoredType, to: StoredType, search: BlockSearch): Promise<TileEncoder> {
  const key = `${from} ${to} ${search}`;
  let encoder = encoders.get(key);
  if (encoder === undefined) encoders.set(key, (encoder = tileEncoder(from, to, search)));
  return encoder;
}

async function encodeTile(request: TileRequest): Promise<ThreadReply> {
  const { id, from, to, rows, rowLength, search, importance, bytes } = request;
  const encoder = await encoderOf(from, to, search);
  encoder.input(rows, rowLength, importance).set(bytes);
  const result = encoder.encode();
  return { id, kind: 'tile', result: typeof result === 'number' ? result : result.slice() };
}

/** An error of the operating system while a file was read or written. */
class FileFault extends Error {
  readonly act: 'read' | 'written';
  readonly code: string;

  constructor(act: 'read' | 'written', error: unknown) {
    super((error as Error).message);
    this.act = act;
    this.code = (error as NodeJS.ErrnoException).code ?? '';
  }
}

/** Takes tiles by the shared counter until there are none, or another thread met a fault. */
async function encodeFiles({ id, jobs, search, control, done }: FilesRequest): Promise<ThreadReply> {
  const prepared = await Promise.all(jobs.map((job) => encoderOf(job.from, job.to, search)));
  const last = jobs.at(-1)!;
  const total = last.firstTile + last.shape.tiles;
  let at = 0;
  while (Atomics.load(control, STOPPING) === 0) {
    const tile = Atomics.add(control, NEXT_TILE, 1);
    if (tile >= total) break;
    // Also those of jobs between ours, which the main thread has seen to.
    if (done[tile] === 1) continue;
    // Tiles only go up, so the job of the last one is near.
    while (tile >= jobs[at]!.firstTile + jobs[at]!.shape.tiles) at++;
    const fault = encodeFileTile(jobs[at]!, prepared[at]!, tile);
    if (fault !== undefined) {
      Atomics.store(control, STOPPING, 1);
      return { id, kind: 'files', fault };
    }
    Atomics.store(done, tile, 1);
  }
  return { id, kind: 'files' };
}

function encodeFileTile(job: FileJob, encoder: TileEncoder, tile: number): TileFault | undefined {
  const { shape, offset, output } = job;
  const rows = tileRowsOf(shape, tile - job.firstTile);
  try {
    const input = encoder.input(rows.to - rows.from, shape.rowLength, importanceOf(job, rows));
    readRuns(job.runs, rows.from * shape.fromBytes, input);
    const result = encoder.encode();
    if (typeof result === 'number') return { kind: 'value', tile, index: result };
    writeAt(output, result, offset + rows.from * shape.toBytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    return { kind: 'file', tile, act: error.act, code: error.code, message: error.message };
  }
}

function importanceOf({ importance, shape }: FileJob, { group }: TileRows): Float32Array | undefined {
  if (importance === undefined || importance.length === shape.rowLength) return importance;
  return importance.subarray(group * shape.rowLength, (group + 1) * shape.rowLength);
}

/** Fills `into` with the bytes of the tensor from `start` on. */
function readRuns({ descriptors, offsets, ends }: StoredRuns, start: number, into: Uint8Array): void {
  // The first run that ends behind `start`.
  let [run, high] = [0, ends.length - 1];
  while (run < high) {
    const middle = (run + high) >> 1;
    if (ends[middle]! > start) high = middle;
    else run = middle + 1;
  }
  for (let filled = 0; filled < into.byteLength; run++) {
    const begin = run === 0 ? 0 : ends[run - 1]!;
    const skip = start + filled - begin;
    const length = Math.min(into.byteLength - filled, ends[run]! - begin - skip);
    readAt(descriptors[run]!, into.subarray(filled, filled + length), offsets[run]! + skip);
    filled += length;
  }
}

function readAt(descriptor: number, into: Uint8Array, offset: number): void {
  for (let done = 0; done < into.byteLength; ) {
    let length: number;
    try {
      length = readSync(descriptor, into, done, into.byteLength - done, offset + done);
    } catch (error) {
      throw new FileFault('read', error);
    }
    if (length === 0) throw new FileFault('read', new Error('the file became shorter while it was read'));
    done += length;
  }
}

function writeAt(descriptor: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.byteLength; ) {
    try {
      done += writeSync(descriptor, bytes, done, bytes.byteLength - done, offset + done);
    } catch (error) {
      throw new FileFault('written', error);
    }
  }
}

port.on('message', async (request: ThreadRequest) => {
  try {
    const reply = await (request.kind === 'files' ? encodeFiles(request) : encodeTile(request));
    const transfer = reply.kind === 'tile' && typeof reply.result !== 'number' ? [reply.result.buffer] : [];
    port.postMessage(reply, transfer as ArrayBuffer[]);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    port.postMessage({ id: request.id, kind: 'error', message } satisfies ThreadReply);
  }
});
