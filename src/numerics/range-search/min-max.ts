import { overRange } from '../uniform-grid.ts';
import { extremes, type SearchRange } from './range-search.ts';

/** Every value inside: the range from the least to the largest value (Jacob et al. 2018, arXiv 1712.05877). */
export const minMax: SearchRange = (grid, values) => overRange(grid, extremes(grid, values));
