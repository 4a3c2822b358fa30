import { elementCount } from '../tensor/index.ts';
import type { RowLayout } from './formats/number-format.ts';
import { checkGranularity, type Granularity } from './granularity.ts';

/**
 * A row-major tensor seen as rows whose blocks share parameters, whatever the axis, a tile of rows at a time, so
 * that a transposed copy of a big tensor never exists.
 *
 * [outer, size, inner] around the axis: per channel, row `a` holds the values [o, a, i]; per group, row (o, i)
 * holds the values along the axis; per token each row of the last axis is one; per block a row of blocks is one,
 * each block's values together; per tensor there is one row.
 *
 * Row order is the order in which tiles visit values and blocks. Codes of several values, and books, lie in it
 * whatever the axis.
 */
export interface RowTile {
  readonly layout: RowLayout;
  /** The tile's values in row order; a view when they already lie so. Do not modify it. */
  gather<T extends TypedArray>(values: T): T;
  /** Puts values in row order back where they belong. */
  scatter(rows: TypedArray, values: TypedArray): void;
  gatherScales<T extends TypedArray>(scales: T): T;
  scatterScales(rows: TypedArray, scales: TypedArray): void;
}

type TypedArray = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array;

/** Values gathered at once: in and out of the second-level cache. A longer row is gathered whole. */
const TILE_VALUES = 1 << 16;

/** What is moved: elements by their size alone, so that the loops stay fast whatever the type. */
type Elements = Int32Array | Uint16Array | Uint8Array;

const elementArrays = { 1: Uint8Array, 2: Uint16Array, 4: Int32Array } as const;

function elementsOf(array: TypedArray): Elements {
  const Elements = elementArrays[array.BYTES_PER_ELEMENT as 1 | 2 | 4];
  return new Elements(array.buffer as ArrayBuffer, array.byteOffset, array.length);
}

/** Copies rows [first, first + rows) between row order and their place in the tensor. */
type Move = (part: Elements, all: Elements, first: number, rows: number, gather: boolean) => void;

interface View {
  readonly rows: number;
  readonly layout: Omit<RowLayout, 'rows'>;
  /** Undefined where row order is memory order. */
  readonly moveValues?: Move;
  readonly moveScales?: Move;
}

/** Row r holds, for each o, the run of `inner` values at [o, r]. */
const channelRows =
  (outer: number, size: number, inner: number): Move =>
  (part, all, first, rows, gather) => {
    for (let o = 0; o < outer; o++) {
      for (let r = 0; r < rows; r++) {
        const here = (r * outer + o) * inner;
        const there = (o * size + first + r) * inner;
        if (gather) for (let i = 0; i < inner; i++) part[here + i] = all[there + i]!;
        else for (let i = 0; i < inner; i++) all[there + i] = part[here + i]!;
      }
    }
  };

/** Rows moved together: more of them, a power of two apart, would fall into the same lines of the cache. */
const ROWS_TOGETHER = 8;

/** Row (o, i) holds the `width` values [o, k, i]: a transposition of [width, inner] for each o. */
const alongAxis =
  (width: number, inner: number): Move =>
  (part, all, first, rows, gather) => {
    const end = first + rows;
    for (let row = first; row < end; ) {
      const i = row % inner;
      const count = Math.min(inner - i, end - row, ROWS_TOGETHER);
      const origin = (row - i) * width + i;
      const target = (row - first) * width;
      for (let k = 0; k < width; k++) {
        const there = origin + k * inner;
        const here = target + k;
        if (gather) for (let j = 0; j < count; j++) part[here + j * width] = all[there + j]!;
        else for (let j = 0; j < count; j++) all[there + j] = part[here + j * width]!;
      }
      row += count;
    }
  };

function movesOfChannels(outer: number, size: number, inner: number): Move | undefined {
  if (outer === 1) return undefined;
  return inner === 1 ? alongAxis(outer, size) : channelRows(outer, size, inner);
}

function viewOf(granularity: Exclude<Granularity, { kind: 'per-block' }>, dims: readonly number[]): View {
  checkGranularity(granularity, dims);
  const count = elementCount(dims);
  if (granularity.kind === 'per-token') {
    const length = dims.at(-1) ?? 1;
    return { rows: length === 0 ? 0 : count / length, layout: { length, block: Math.max(1, length) } };
  }
  if (granularity.kind === 'per-tensor')
    return { rows: 1, layout: { length: count, block: Math.max(1, count) } };
  const { axis } = granularity;
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  const size = dims[axis]!;
  if (granularity.kind === 'per-channel') {
    const length = outer * inner;
    return {
      rows: size,
      layout: { length, block: Math.max(1, length) },
      moveValues: movesOfChannels(outer, size, inner),
    };
  }
  const block = granularity.size;
  return {
    rows: outer * inner,
    layout: { length: size, block },
    moveValues: inner === 1 ? undefined : alongAxis(size, inner),
    moveScales: inner === 1 ? undefined : alongAxis(Math.ceil(size / block), inner),
  };
}

/** One row of blocks at a time: the last row of blocks may be lower, its last block narrower. */
function* blockTiles(
  [height, width]: readonly [number, number],
  dims: readonly number[], // [..., R, C]
): Generator<RowTile> {
  const [R, C] = [dims.at(-2)!, dims.at(-1)!];
  const count = elementCount(dims);
  if (count === 0) return;
  const across = Math.ceil(C / width);
  let scaleAt = 0;
  for (let origin = 0; origin < count; origin += R * C) {
    for (let top = 0; top < R; top += height, scaleAt += across) {
      const rows = Math.min(height, R - top);
      const from = origin + top * C;
      const firstScale = scaleAt;
      const move = (part: Elements, all: Elements, gather: boolean) => {
        let here = 0;
        for (let left = 0; left < C; left += width) {
          const columns = Math.min(width, C - left);
          for (let row = 0; row < rows; row++) {
            const there = from + row * C + left;
            for (let i = 0; i < columns; i++, here++) {
              if (gather) part[here] = all[there + i]!;
              else all[there + i] = part[here]!;
            }
          }
        }
      };
      yield {
        layout: { rows: 1, length: rows * C, block: rows * width },
        gather<T extends TypedArray>(all: T): T {
          const part = new (all.constructor as new (n: number) => T)(rows * C);
          move(elementsOf(part), elementsOf(all), true);
          return part;
        },
        scatter: (part, all) => move(elementsOf(part), elementsOf(all), false),
        gatherScales: (all) => all.subarray(firstScale, firstScale + across) as typeof all,
        scatterScales: (part, all) => all.set(part, firstScale),
      };
    }
  }
}

/**
 * The tiles of a tensor, in order. A tensor without values has none.
 * @throws numerics/axis, numerics/group-size
 */
export function* rowTiles(granularity: Granularity, dims: readonly number[]): Generator<RowTile> {
  if (granularity.kind === 'per-block') {
    checkGranularity(granularity, dims);
    yield* blockTiles(granularity.size, dims);
    return;
  }
  const { rows: total, layout, moveValues, moveScales } = viewOf(granularity, dims);
  const { length, block } = layout;
  if (total * length === 0) return;
  const scales = Math.ceil(length / block);
  const step = Math.max(1, Math.floor(TILE_VALUES / length));
  for (let first = 0; first < total; first += step) {
    const rows = Math.min(step, total - first);
    const gather = <T extends TypedArray>(all: T, width: number, move?: Move): T => {
      if (!move) return all.subarray(first * width, (first + rows) * width) as T;
      const part = new (all.constructor as new (n: number) => T)(rows * width);
      move(elementsOf(part), elementsOf(all), first, rows, true);
      return part;
    };
    const scatter = (part: TypedArray, all: TypedArray, width: number, move?: Move) => {
      if (move) move(elementsOf(part), elementsOf(all), first, rows, false);
      else all.set(part, first * width);
    };
    yield {
      layout: { rows, length, block },
      gather: (values) => gather(values, length, moveValues),
      scatter: (part, values) => scatter(part, values, length, moveValues),
      gatherScales: (all) => gather(all, scales, moveScales),
      scatterScales: (part, all) => scatter(part, all, scales, moveScales),
    };
  }
}
