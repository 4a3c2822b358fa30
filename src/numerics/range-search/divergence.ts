import type { Grid, RangeTarget } from './range-grid.ts';

/** Values counted in bins [k width, (k + 1) width) for whole k from `first` on. */
export interface BinnedValues {
  readonly counts: Float64Array;
  readonly first: number;
  readonly width: number;
  /** How many values are exactly 0. */
  readonly zeros: number;
  readonly min: number;
  readonly max: number;
}

/** Stands for "none" where a bin has values but its code, without the outliers, has none: half a value. */
const emptyCount = 0.5;

/** The least part of the full range that says anything: one with as many bins as codes. */
export function leastTold({ min, max, width }: BinnedValues, { levels }: RangeTarget): number {
  return levels / 2 / (Math.max(Math.abs(min), Math.abs(max)) / width);
}

/** KL(P || Q) of a grid, in nats. */
export function divergence(histogram: BinnedValues, { step, low, high, cell = Math.round }: Grid): number {
  const { counts, first, width, zeros } = histogram;
  const bins = counts.length;
  // Bins whose centre lies within the outermost codes: [begin, end).
  const begin = Math.min(Math.max(Math.ceil(((low - 0.5) * step) / width - 0.5) - first, 0), bins);
  const end = Math.min(Math.max(Math.ceil(((high + 0.5) * step) / width - 0.5) - first, begin), bins);
  if (begin === end) return Number.POSITIVE_INFINITY;

  const at = (i: number) => (first + i === 0 ? counts[i]! - zeros : counts[i]!);
  let below = 0;
  let above = 0;
  let inside = 0;
  for (let i = 0; i < begin; i++) below += at(i);
  for (let i = begin; i < end; i++) inside += at(i);
  for (let i = end; i < bins; i++) above += at(i);
  const total = below + inside + above;
  if (total === 0) return 0;
  if (inside === 0) return Number.POSITIVE_INFINITY;

  let sum = 0;
  for (let start = begin; start < end; ) {
    const code = cell(((first + start + 0.5) * width) / step);
    let stop = start;
    let count = 0;
    let filled = 0;
    while (stop < end && cell(((first + stop + 0.5) * width) / step) === code) {
      const c = at(stop++);
      count += c;
      if (c > 0) filled++;
    }
    const q = Math.max(filled > 0 ? count / filled : 0, emptyCount) / inside;
    for (let i = start; i < stop; i++) {
      const p = at(i) + (i === begin ? below : 0) + (i === end - 1 ? above : 0);
      if (p > 0) sum += (p / total) * Math.log(p / total / q);
    }
    start = stop;
  }
  return sum;
}
