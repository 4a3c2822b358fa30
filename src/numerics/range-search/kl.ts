import { hasPowerScale, outermostLevels, overRange, reachOf, type UniformGrid } from '../uniform-grid.ts';
import { type BinnedValues, divergence, leastTold } from './divergence.ts';
import { type Grid, searchRange } from './range-grid.ts';
import { extremes, type SearchRange } from './range-search.ts';

/** Bins at each side of 0, as TensorRT has; fewer for few values, which else lie alone in their bins. */
const MOST_BINS = 2048;
const VALUES_PER_BIN = 8;

/**
 * The range that loses least information: least Kullback-Leibler divergence between the values, counted in bins, and
 * what their codes can tell (Migacz, "8-bit inference with TensorRT", GTC 2017). See `divergence` for the sums and
 * for where we differ. Every value counts alike; ranges with fewer bins than codes are not tried, so that many bits
 * and few values get the full range.
 */
export const kl: SearchRange = (grid, values) => {
  const { min, max } = extremes(grid, values);
  const full = { min: Math.min(0, min), max: Math.max(0, max) };
  const largest = Math.max(-full.min, full.max);
  const width = largest / Math.min(MOST_BINS, Math.max(1, values.length / VALUES_PER_BIN));
  // Powers of two are few: the range that is asked for hardly matters.
  if (!(width > 2 ** -120) || hasPowerScale(grid.choice)) return overRange(grid, { min, max });
  const histogram = binned(values, full, width);
  const target = { levels: 2 ** grid.bits, symmetric: grid.fixedZero, lay: layOf(grid) };
  const smallest = leastTold(histogram, target);
  if (smallest >= 1) return overRange(grid, { min, max });
  return overRange(
    grid,
    searchRange(full, target, (laid) => divergence(histogram, laid), smallest),
  );
};

function binned(
  values: Float32Array,
  { min, max }: { min: number; max: number },
  width: number,
): BinnedValues {
  const first = Math.floor(min / width);
  const counts = new Float64Array(Math.floor(max / width) - first + 1);
  let zeros = 0;
  for (const x of values) {
    counts[Math.floor(x / width) - first]!++;
    if (x === 0) zeros++;
  }
  return { counts, first, width, zeros, min, max };
}

/** How the grid's levels lie over a range, in steps. */
function layOf(grid: UniformGrid): ((range: { min: number; max: number }) => Grid) | undefined {
  const { shape, margin } = grid.cells;
  if (!grid.fixedZero) return undefined;
  const reach = reachOf(grid);
  const [low, high] = outermostLevels(grid, grid.codes.symmetricZero);
  const cell = {
    tread: Math.round,
    rise: Math.floor,
    'dead-zone': (t: number) => Math.sign(t) * Math.max(0, Math.round(Math.abs(t) - margin)),
  }[shape];
  return ({ min, max }) => ({ step: Math.max(-min, max) / reach, low, high, cell });
}
