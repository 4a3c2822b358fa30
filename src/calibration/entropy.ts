import { type Grid, searchRange } from './grid.ts';
import type { Histogram } from './histogram.ts';
import { histogramObserver } from './histogram-observer.ts';
import type { Observer, ObserverOptions } from './observer.ts';

/** Stands for "none" where a bin has values but its code, without the outliers, has none: half a value. */
const emptyCount = 0.5;

/**
 * Entropy: the range that loses least information, by the Kullback-Leibler divergence between the values
 * and what their codes can tell (Migacz, "8-bit inference with TensorRT", GTC 2017).
 *
 *   P = the bins inside the range, values beyond it added to the outermost bins
 *   Q = the bins inside the range, each code's values spread evenly over its non-empty bins
 *   range = argmin  sum_i P_i log(P_i / Q_i)
 *
 * Where we differ: bins are grouped by the code they round to, so both ends, asymmetric ranges and any
 * number of levels are searched; exact zeros have a code of their own and are left out, otherwise the
 * spike that Relu makes hides everything else; ranges with fewer bins than codes say nothing and are not
 * tried, so that for 16-bit codes the answer is min-max.
 */
export function entropy(options: ObserverOptions = {}): Observer {
  return histogramObserver(options, (histogram, target) => {
    const codesPerSide = target.levels / 2;
    const bins = Math.max(Math.abs(histogram.min), Math.abs(histogram.max)) / histogram.width;
    const smallest = codesPerSide / bins;
    if (smallest >= 1) return histogram;
    return searchRange(histogram, target, (grid) => divergence(histogram, grid), smallest);
  });
}

/** KL(P || Q) of a grid, in nats. */
export function divergence(histogram: Histogram, { step, low, high }: Grid): number {
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
    const code = Math.round(((first + start + 0.5) * width) / step);
    let stop = start;
    let count = 0;
    let filled = 0;
    while (stop < end && Math.round(((first + stop + 0.5) * width) / step) === code) {
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
