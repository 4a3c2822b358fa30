import { elementCount, fail } from '../tensor/index.ts';
import type { Granularity } from './granularity.ts';
import type { RowLayout } from './number-format.ts';

/**
 * A row-major tensor seen as rows whose blocks share parameters, whatever the axis, a tile of rows at a time, so
 * that a transposed copy of a big tensor never exists.
 *
 * [outer, size, inner] around the axis: per channel, row `a` holds the values [o, a, i]; per group, row (o, i)
 * holds the values along the axis; per tensor there is one row.
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

/** Values gathered at once; a longer row is gathered whole. */
const TILE_VALUES = 1 << 18;

/** Index of value `k` of row `r`, as base(r) + offset(k), for tensors that do not lie in row order. */
interface View {
  readonly rows: number;
  readonly length: number;
  readonly block: number;
  readonly contiguous: boolean;
  valueIndex(row: number, k: number): number;
  scaleIndex(row: number, k: number): number;
}

function viewOf(granularity: Granularity, dims: readonly number[]): View {
  const count = elementCount(dims);
  if (granularity.kind === 'per-tensor') {
    const identity = (_row: number, k: number) => k;
    const block = Math.max(1, count);
    return { rows: 1, length: count, block, contiguous: true, valueIndex: identity, scaleIndex: identity };
  }
  const { axis } = granularity;
  if (!Number.isInteger(axis) || axis < 0 || axis >= dims.length)
    fail('numerics/axis', { axis, dims: [...dims] });
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  const size = dims[axis]!;
  if (granularity.kind === 'per-channel') {
    return {
      rows: size,
      length: outer * inner,
      block: Math.max(1, outer * inner),
      contiguous: outer === 1,
      valueIndex: (row, k) => (Math.floor(k / inner) * size + row) * inner + (k % inner),
      scaleIndex: (row) => row,
    };
  }
  const block = granularity.size;
  if (!Number.isInteger(block) || block < 1) fail('numerics/group-size', { size: block });
  const groups = Math.ceil(size / block);
  return {
    rows: outer * inner,
    length: size,
    block,
    contiguous: inner === 1,
    valueIndex: (row, k) => (Math.floor(row / inner) * size + k) * inner + (row % inner),
    scaleIndex: (row, k) => (Math.floor(row / inner) * groups + k) * inner + (row % inner),
  };
}

/**
 * The tiles of a tensor, in order. A tensor without values has none.
 * @throws numerics/axis, numerics/group-size
 */
export function* rowTiles(granularity: Granularity, dims: readonly number[]): Generator<RowTile> {
  const view = viewOf(granularity, dims);
  const { length, block } = view;
  if (view.rows * length === 0) return;
  const scales = Math.ceil(length / block);
  const step = Math.max(1, Math.floor(TILE_VALUES / length));
  for (let first = 0; first < view.rows; first += step) {
    const rows = Math.min(step, view.rows - first);
    yield {
      layout: { rows, length, block },
      ...mover('gather', 'scatter', length, view.valueIndex),
      ...mover('gatherScales', 'scatterScales', scales, view.scaleIndex),
    } as RowTile;

    function mover(gather: string, scatter: string, width: number, index: View['valueIndex']) {
      return {
        [gather]: <T extends TypedArray>(all: T): T => {
          if (view.contiguous) return all.subarray(first * width, (first + rows) * width) as T;
          const out = new (all.constructor as new (n: number) => T)(rows * width);
          forEachIndex(width, index, (at, from) => {
            out[at] = all[from]!;
          });
          return out;
        },
        [scatter]: (part: TypedArray, all: TypedArray): void => {
          if (view.contiguous) {
            all.set(part, first * width);
            return;
          }
          forEachIndex(width, index, (at, to) => {
            all[to] = part[at]!;
          });
        },
      };
    }
    // Rows inside, values outside: neighbours in memory are visited one after the other.
    function forEachIndex(
      width: number,
      index: View['valueIndex'],
      visit: (at: number, other: number) => void,
    ) {
      for (let k = 0; k < width; k++) {
        for (let row = 0; row < rows; row++) visit(row * width + k, index(first + row, k));
      }
    }
  }
}
