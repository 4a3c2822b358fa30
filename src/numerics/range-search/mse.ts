import { storedScale } from '../affine.ts';
import {
  hasPowerScale,
  leastError,
  levelOf,
  nearestCode,
  outermostLevels,
  overRange,
  type ScaleAndZero,
  squaredError,
  type UniformGrid,
} from '../uniform-grid.ts';
import { extremes, type SearchRange } from './range-search.ts';

/** Parts of the full range that are tried: from a little wider than it to a tenth, this ratio apart. */
const WIDEST = 1.12;
const RATIO = 0.93;
const COARSE = 34;
/** Then twice the neighbourhood of the best one, each time four times as closely. */
const FINER = [1 / 4, 1 / 16];
/** Parts that are tried where scales are powers of two. */
export const POWER_PARTS: readonly number[] = [1, 0.5, 0.25];
/** Least-squares passes after the best part is known; each can only lower the error. */
const PASSES = 8;

/**
 * Scale (and real zero point) of least (weighted) squared error (Nagel et al. 2021, arXiv 2106.08295, section 3.1):
 * tries parts of the full range; takes the nearest codes of the best one, then the parameters that fit these codes
 * best in least squares; again as long as the error falls. Lloyd's iteration for evenly spaced levels.
 *
 * Scales that are powers of two choose between the full range, half and a quarter of it.
 * Integer grids with integer zero points (fit-affine) and levels that lie mirrored around 0 (fit-centred) are searched
 * by kernels instead, in much the same way.
 */
export const mse: SearchRange = (grid, values, importance) => {
  const { min, max } = extremes(grid, values);
  const full = overRange(grid, { min, max });
  if (hasPowerScale(grid.choice)) {
    const parts = POWER_PARTS.map((part) => overRange(grid, { min: min * part, max: max * part }));
    return leastError(grid, values, importance, parts);
  }
  const middle = grid.cells.realZero ? (min + max) / 2 : 0;
  let best = full;
  let least = squaredError(grid, values, importance, full);
  let bestPart = 1;
  const attempt = (part: number) => {
    const params = overRange(grid, {
      min: middle + (min - middle) * part,
      max: middle + (max - middle) * part,
    });
    const error = squaredError(grid, values, importance, params);
    if (error < least) [best, least, bestPart] = [params, error, part];
  };
  for (let k = 0; k < COARSE; k++) attempt(WIDEST * RATIO ** k);
  for (const finer of FINER) {
    const centre = bestPart;
    for (let k = -3; k <= 3; k++) if (k !== 0) attempt(centre * RATIO ** (k * finer));
  }
  for (let pass = 0; pass < PASSES; pass++) {
    const fitted = leastSquares(grid, values, importance, best);
    const error = fitted ? squaredError(grid, values, importance, fitted) : least;
    if (!(error < least)) break;
    [best, least] = [fitted!, error];
  }
  return best;
};

/**
 * The parameters that fit the codes of `params` best. Fixed zero point: s = sum xl / sum ll with levels l. Real one:
 * the straight line x = s (l - shift) through the values over their levels.
 */
function leastSquares(
  grid: UniformGrid,
  values: Float32Array,
  importance: Float32Array | undefined,
  params: ScaleAndZero,
): ScaleAndZero | undefined {
  let [n, sumX, sumL, xl, ll] = [0, 0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    const w = importance ? importance[i]! : 1;
    const level = levelOf(grid, nearestCode(grid, x, params), params.zeroPoint);
    n += w;
    sumX += w * x;
    sumL += w * level;
    xl += w * x * level;
    ll += w * level * level;
  }
  const real = grid.cells.realZero;
  const slope = real ? (n * xl - sumX * sumL) / (n * ll - sumL * sumL) : xl / ll;
  if (!(Math.abs(slope) > 0 && Number.isFinite(slope))) return undefined;
  const zeroPoint = real ? Math.fround(params.zeroPoint + sumL / n - sumX / n / slope) : params.zeroPoint;
  const [low, high] = outermostLevels(grid, zeroPoint);
  return { scale: storedScale(slope, Math.max(1, -low, high), grid.choice), zeroPoint };
}
