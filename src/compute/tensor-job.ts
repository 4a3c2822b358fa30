import { rowCountOf, rowLengthOf, type StoredType, type TensorSource } from '../files/index.ts';
import { type BlockFormatName, blockFormats } from '../numerics/index.ts';
import { byteLengthOf, type DType } from '../tensor/index.ts';

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
export const TILE_VALUES = 1 << 18;

/** Bytes of one row of a stored tensor. */
export function storedRowBytes(type: StoredType, rowLength: number): number {
  if (!Object.hasOwn(blockFormats, type)) return byteLengthOf(type as DType, rowLength);
  const { block, bytes } = blockFormats[type as BlockFormatName];
  return (rowLength / block) * bytes;
}

/** How the rows of a job are cut into tiles. Plain numbers: a worker thread gets them by copy. */
export interface TileShape {
  readonly rowLength: number;
  /** Rows that share column weights: a tile does not cross their end. */
  readonly groupRows: number;
  readonly tileRows: number;
  /** Tiles of one group, and of the tensor. */
  readonly groupTiles: number;
  readonly tiles: number;
}

export function tileShape({ source: { shape }, importance }: TensorJob): TileShape {
  const [rows, rowLength] = [rowCountOf(shape), rowLengthOf(shape)];
  const stacked = importance !== undefined && importance.length > rowLength;
  const groupRows = stacked ? (shape.at(-2) ?? 1) : rows;
  const tileRows = Math.max(1, Math.min(groupRows, Math.floor(TILE_VALUES / Math.max(1, rowLength))));
  const groupTiles = groupRows === 0 ? 0 : Math.ceil(groupRows / tileRows);
  const tiles = rows * rowLength === 0 ? 0 : groupTiles * (rows / groupRows);
  return { rowLength, groupRows, tileRows, groupTiles, tiles };
}

/** Rows [from, to) of one tile, and the group they belong to. */
export interface TileRows {
  readonly from: number;
  readonly to: number;
  readonly group: number;
}

export function tileRowsOf(shape: TileShape, tile: number): TileRows {
  const group = Math.floor(tile / shape.groupTiles);
  const first = group * shape.groupRows;
  const from = first + (tile % shape.groupTiles) * shape.tileRows;
  return { from, to: Math.min(from + shape.tileRows, first + shape.groupRows), group };
}

/** Tiles of all jobs together; they are numbered through in the order of the jobs. */
export const countTiles = (jobs: readonly TensorJob[]): number =>
  jobs.reduce((sum, job) => sum + tileShape(job).tiles, 0);
