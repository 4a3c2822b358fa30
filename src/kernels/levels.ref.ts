import type { BlockLayout } from './affine.ref.ts';
import { encodeSmallFloat, type SmallFloat } from './small-float.ts';

/** Up to 256 fixed levels, as an encoder sees them. */
export interface LevelTable {
  /** Where one level ends and the next begins, ascending, [levels - 1]. */
  readonly thresholds: Float32Array;
  /** The code of each level, from the lowest one up, [levels]. */
  readonly codes: Uint8Array;
}

/**
 * Values to codes of fixed levels and back, block by block. `values`, `codes`: [rows, length];
 * `scale`: [rows, ceil(length / block)]. Values are divided by their scale in float32 before anything else.
 */
export interface LevelKernel {
  /** Smallest and largest value of each block, 0 among them, written to `low` and `high`, like `scale`. */
  range(values: Float32Array, layout: BlockLayout, low: Float32Array, high: Float32Array): void;
  /** Code of the level whose number is the count of thresholds below the value; NaN counts as the lowest. */
  encodeLevels(
    values: Float32Array,
    layout: BlockLayout,
    scale: Float32Array,
    table: LevelTable,
    codes: Uint8Array,
  ): void;
  /** Nearest code of a float of at most 8 bits, ties to even, saturating. */
  encodeFloats(
    values: Float32Array,
    layout: BlockLayout,
    scale: Float32Array,
    float: SmallFloat,
    codes: Uint8Array,
  ): void;
  /** out[i] = table[codes[i]] * scale. `table`: [16 or 256]. */
  decode(
    codes: Uint8Array,
    layout: BlockLayout,
    scale: Float32Array,
    table: Float32Array,
    out: Float32Array,
  ): void;
}

/** Number of thresholds below `x`, by halving. */
export function countBelow(x: number, thresholds: Float32Array): number {
  let low = 0;
  let high = thresholds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x > thresholds[middle]!) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Visits the blocks of a layout in order: values [from, to) and the block's number. */
function eachBlock(
  { rows, length, block }: BlockLayout,
  visit: (from: number, to: number, at: number) => void,
): void {
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const end = (row + 1) * length;
    for (let from = row * length; from < end; from += block) visit(from, Math.min(from + block, end), at++);
  }
}

/** The readable twin of assembly/levels.ts. */
export const levelReference: LevelKernel = {
  range(values, layout, low, high) {
    eachBlock(layout, (from, to, at) => {
      let [least, most] = [0, 0];
      for (let i = from; i < to; i++) {
        const x = values[i]!;
        if (x < least) least = x;
        if (x > most) most = x;
      }
      low[at] = least;
      high[at] = most;
    });
  },
  encodeLevels(values, layout, scale, table, codes) {
    eachBlock(layout, (from, to, at) => {
      const step = scale[at]!;
      for (let i = from; i < to; i++)
        codes[i] = table.codes[countBelow(Math.fround(values[i]! / step), table.thresholds)]!;
    });
  },
  encodeFloats(values, layout, scale, float, codes) {
    eachBlock(layout, (from, to, at) => {
      const step = scale[at]!;
      for (let i = from; i < to; i++) codes[i] = encodeSmallFloat(values[i]! / step, float, true);
    });
  },
  decode(codes, layout, scale, table, out) {
    eachBlock(layout, (from, to, at) => {
      const step = scale[at]!;
      for (let i = from; i < to; i++) out[i] = table[codes[i]!]! * step;
    });
  },
};
