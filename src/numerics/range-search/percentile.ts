import { overRange } from '../uniform-grid.ts';
import type { SearchRange } from './range-search.ts';

/** Part of the values that stays inside; one value in a thousand is clipped at each end. */
const INSIDE = 0.999;

/**
 * Leaves out the outermost values (Wu et al. 2020, arXiv 2004.09602, section 3.1):
 *   free zero point: P(x < min) = P(x > max) = 1 - p;  fixed: P(|x| > max) = 1 - p
 * p = 99.9 %. Quantiles lie between neighbouring values in proportion, so that blocks of less than a thousand
 * values are clipped a little too. The importance of values is not read.
 */
export const percentile: SearchRange = (grid, values) => {
  if (values.length === 0) return overRange(grid, { min: 0, max: 0 });
  if (grid.fixedZero) {
    const clip = quantile(values.map(Math.abs).sort(), INSIDE);
    return overRange(grid, { min: -clip, max: clip });
  }
  const sorted = values.slice().sort();
  return overRange(grid, { min: quantile(sorted, 1 - INSIDE), max: quantile(sorted, INSIDE) });
};

/** The value below which the part `p` of sorted values lies. */
export function quantile(sorted: Float32Array, p: number): number {
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}
