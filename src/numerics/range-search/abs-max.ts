import { overRange, type Range, type ScaleAndZero, type UniformGrid } from '../uniform-grid.ts';
import { extremes, type SearchRange } from './range-search.ts';

/**
 * As far below zero as above it, by the largest magnitude (Wu et al. 2020, arXiv 2004.09602, section 3.1). With a
 * fixed zero point this is min-max; with a free one it puts real 0 in the middle of the codes.
 */
export const absMax: SearchRange = (grid, values) => overMagnitude(grid, extremes(grid, values));

/** The same from the extremes. */
export function overMagnitude(grid: UniformGrid, { min, max }: Range): ScaleAndZero {
  const largest = Math.max(Math.abs(min), Math.abs(max));
  return overRange(grid, { min: -largest, max: largest });
}
