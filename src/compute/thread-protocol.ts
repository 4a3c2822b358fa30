import type { StoredType } from '../files/index.ts';
import type { BlockSearch } from '../kernels/index.ts';
import type { TileShape } from './tile-shape.ts';

/** What a pool and its threads say to each other. */

/** Bytes of a tensor as they lie in files, end to end: parallel arrays, one entry per run of bytes. */
export interface StoredRuns {
  readonly descriptors: Int32Array;
  /** In the file. */
  readonly offsets: Float64Array;
  /** Where the run ends in the tensor. */
  readonly ends: Float64Array;
}

/** A job whose bytes lie in files on this machine and go to one: threads do it by themselves. */
export interface FileJob {
  readonly from: StoredType;
  readonly to: StoredType;
  readonly shape: TileShape;
  /** Number of its first tile among those of all jobs. */
  readonly firstTile: number;
  readonly runs: StoredRuns;
  /** Descriptor of the output file, and where the tensor starts in it. */
  readonly output: number;
  readonly offset: number;
  /** In shared memory: it may be large, and every thread needs it. */
  readonly importance?: Float32Array;
}

/** Indexes into the words that all threads of a request share. */
export const NEXT_TILE = 0;
export const STOPPING = 1;

/** Threads take tiles of the jobs in order, until there are none. */
export interface FilesRequest {
  readonly kind: 'files';
  readonly id: number;
  readonly jobs: readonly FileJob[];
  readonly search: BlockSearch;
  readonly control: Int32Array;
  /** One byte per tile of all jobs of the request; a thread sets it after the tile was written. */
  readonly done: Uint8Array;
}

/** One tile, copied in and out. */
export interface TileRequest {
  readonly kind: 'tile';
  readonly id: number;
  readonly from: StoredType;
  readonly to: StoredType;
  readonly rows: number;
  readonly rowLength: number;
  readonly search: BlockSearch;
  readonly importance?: Float32Array;
  readonly bytes: Uint8Array;
}

export type ThreadRequest = FilesRequest | TileRequest;

/** Why a tile was not written. `index`: of the value in the tile. */
export type TileFault =
  | { readonly kind: 'value'; readonly tile: number; readonly index: number }
  | {
      readonly kind: 'file';
      readonly tile: number;
      readonly act: 'read' | 'written';
      /** Of the operating system: ENOSPC. */
      readonly code: string;
      readonly message: string;
    };

export type ThreadReply =
  /** No tiles are left, or `fault` stopped this thread. */
  | { readonly id: number; readonly kind: 'files'; readonly fault?: TileFault }
  /** The encoded tile, or the index of a value that cannot be stored. */
  | { readonly id: number; readonly kind: 'tile'; readonly result: Uint8Array | number }
  /** A bug. */
  | { readonly id: number; readonly kind: 'error'; readonly message: string };
