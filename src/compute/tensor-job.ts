import { rowCountOf, rowLengthOf, type StoredType, storedBytes, type TensorSource } from '../files/index.ts';
import type { TileShape } from './tile-shape.ts';

/** One tensor to be stored as another type, or as it is, at its place in an output file. */
export interface TensorJob {
  readonly source: TensorSource;
  readonly type: StoredType;
  /** Weights of the columns: [rowLength], or [matrices, rowLength] for a stack of matrices. */
  readonly importance?: Float32Array;
  /** Index of the output file. */
  readonly file: number;
  /** Where the tensor starts in that file, in bytes. */
  readonly offset: number;
}

/**
 * Values of a tile. Tiles are what is read, encoded and written at once; small enough that one with its float32
 * form stays in the second-level cache, large enough that system calls cost nothing beside the work.
 */
export const TILE_VALUES = 1 << 17;

export function tileShape({ source, type, importance }: TensorJob): TileShape {
  const { shape } = source;
  const [rows, rowLength] = [rowCountOf(shape), rowLengthOf(shape)];
  const stacked = importance !== undefined && importance.length > rowLength;
  const groupRows = stacked ? (shape.at(-2) ?? 1) : rows;
  const tileRows = Math.max(1, Math.min(groupRows, Math.floor(TILE_VALUES / Math.max(1, rowLength))));
  const groupTiles = groupRows === 0 ? 0 : Math.ceil(groupRows / tileRows);
  const tiles = rows * rowLength === 0 ? 0 : groupTiles * (rows / groupRows);
  const fromBytes = storedBytes(source.type, rowLength);
  return {
    rowLength,
    fromBytes,
    toBytes: storedBytes(type, rowLength),
    groupRows,
    tileRows,
    groupTiles,
    tiles,
  };
}

/** Tiles of all jobs together; they are numbered through in the order of the jobs. */
export const countTiles = (jobs: readonly TensorJob[]): number =>
  jobs.reduce((sum, job) => sum + tileShape(job).tiles, 0);
