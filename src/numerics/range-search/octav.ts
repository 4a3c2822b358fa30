import { octavClip } from '../octav.ts';
import { overRange } from '../uniform-grid.ts';
import { extremes, type SearchRange } from './range-search.ts';

/** Clips where clipping and rounding noise balance: OCTAV's fixed point (Sakr et al. 2022, arXiv 2206.06501). */
export const octav: SearchRange = (grid, values, importance) => {
  const { min, max } = extremes(grid, values);
  const clip = octavClip(values, grid.bits, importance);
  // A real zero point may lie outside of the clip: then there is nothing to clip towards it.
  return overRange(grid, {
    min: max < -clip ? min : Math.max(min, -clip),
    max: min > clip ? max : Math.min(max, clip),
  });
};
