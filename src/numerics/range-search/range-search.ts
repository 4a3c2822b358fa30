import type { Range, ScaleAndZero, UniformGrid } from '../uniform-grid.ts';

/**
 * Chooses scale and zero point, as they will be stored, of one block on a uniform grid.
 * `values` and `importance`: [block], finite.
 */
export type SearchRange = (
  grid: UniformGrid,
  values: Float32Array,
  importance?: Float32Array,
) => ScaleAndZero;

/** Least and largest value; of a grid with an integer zero point the range holds 0. */
export function extremes({ cells }: UniformGrid, values: Float32Array): Range {
  let min = cells.realZero && values.length > 0 ? values[0]! : 0;
  let max = min;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    if (x < min) min = x;
    if (x > max) max = x;
  }
  return { min, max };
}
