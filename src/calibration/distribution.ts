import type { Histogram } from './histogram.ts';

/**
 * Sums over part of a distribution in O(1), from prefix sums over the histogram. Values lie evenly inside
 * their bin, except exact zeros, which lie at zero.
 */
export interface Distribution {
  readonly total: number;
  readonly min: number;
  readonly max: number;
  /** How many values are below x. */
  countBelow(x: number): number;
  /** Sum of the values below x. */
  sumBelow(x: number): number;
}

/** Freezes what a histogram saw so far. */
export function distributionOf(histogram: Histogram): Distribution {
  const { counts, first, width, min, max, zeros, total } = histogram;
  const bins = counts.length;
  const count = new Float64Array(bins + 1);
  const sum = new Float64Array(bins + 1);
  for (let i = 0; i < bins; i++) {
    const rest = first + i === 0 ? counts[i]! - zeros : counts[i]!;
    count[i + 1] = count[i]! + rest;
    sum[i + 1] = sum[i]! + rest * (first + i + 0.5) * width;
  }
  return {
    total,
    min,
    max,
    countBelow(x) {
      if (x <= min) return 0;
      if (x > max) return total;
      const at = x / width - first;
      const bin = Math.floor(at);
      const inside = (at - bin) * (count[bin + 1]! - count[bin]!);
      return count[bin]! + inside + (x > 0 ? zeros : 0);
    },
    sumBelow(x) {
      if (x <= min) return 0;
      if (x > max) return sum[bins]!;
      const at = x / width - first;
      const bin = Math.floor(at);
      const inside = (at - bin) * (count[bin + 1]! - count[bin]!);
      return sum[bin]! + (inside * ((first + bin) * width + x)) / 2;
    },
  };
}
