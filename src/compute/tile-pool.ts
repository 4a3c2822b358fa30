import { createThreads } from '#compute-platform';
import type { BlockSearch } from '../kernels/index.ts';
import type { TensorJob } from './tensor-job.ts';

/** A file that tiles are written to, each at its place. */
export interface TileOutput {
  /** For messages. */
  readonly name: string;
  /** Writes at `offset`, in bytes. Calls come in the order of the file where tiles go through the caller's thread. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Descriptor of a file on this machine that is open for writing: threads then write to it by themselves. */
  readonly descriptor?: number;
}

export interface EncodeRequest {
  readonly jobs: readonly TensorJob[];
  /** By `TensorJob.file`. */
  readonly outputs: readonly TileOutput[];
  readonly search: BlockSearch;
  /** One byte per tile (`countTiles`), 1 for those that an earlier run wrote: they are skipped. */
  readonly done?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Bytes of input that are done, of all. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /**
   * Called now and then while the work goes on, with one byte per tile, 1 for those that were written. The next call
   * waits for the result.
   */
  readonly onTiles?: (done: Uint8Array) => Promise<void>;
}

/**
 * Work on tiles of tensors. In Node a pool of worker threads, in a page the calling thread; the bytes are the same,
 * because tiles have a fixed size and each row is encoded by itself.
 *
 * Threads share no memory but a counter of tiles and a flag for each. Every thread has its own WebAssembly
 * instances, so that one build serves page and Node and no static of a kernel is shared, and a tile of a file on
 * this machine is read by the thread that encodes it, straight into the kernel's memory, and written by it from
 * there: nothing passes through the main thread. Other tiles are copied in and out of the threads.
 */
export interface TilePool {
  readonly threads: number;
  /** Starts threads for about so many tiles, so that they are there when the work comes. */
  prepare(tiles: number): void;
  /**
   * Encodes all tiles of the jobs and writes them.
   * @throws numerics/not-finite for the first value, in the order of the jobs, that is NaN or Inf;
   *   numerics/beyond-range for one that the type cannot hold; run/aborted; file/*
   */
  encode(request: EncodeRequest): Promise<void>;
  /** Ends the threads. */
  close(): Promise<void>;
}

export interface TilePoolOptions {
  /** Default: all cores, at most 16. A page has one. */
  readonly threads?: number;
}

/** A pool of threads. Close it. */
export function createTilePool(options: TilePoolOptions = {}): TilePool {
  return createThreads(options);
}
