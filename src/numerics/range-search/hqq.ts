import { storedScale } from '../affine.ts';
import {
  hasPowerScale,
  levelOf,
  nearestCode,
  outermostLevels,
  overRange,
  type ScaleAndZero,
  type UniformGrid,
} from '../uniform-grid.ts';
import { extremes, type SearchRange } from './range-search.ts';

// Names and values as in the paper: norm p, penalty beta and its growth kappa.
const P = 0.7;
const FIRST_BETA = 10;
const KAPPA = 1.01;
const MAX_ITERATIONS = 20;

/**
 * HQQ: half-quadratic quantization (Badri and Shaji 2023, "Half-Quadratic Quantization of Large Machine Learning
 * Models"). Needs no data: it minimises the l_p norm, p < 1, of the rounding error, which forgives outliers.
 *
 *   min over z, e of  |e|_p^p + beta / 2 |W - s (Q - z) - e|^2,  by turns:
 *   e <- shrink_p(W - s (Q - z), beta),   z <- mean(Q - (W - e) / s),   beta <- kappa beta
 *   shrink_p(x, beta) = sign(x) max(0, |x| - |x|^(p - 1) / beta)
 *
 * Starts at min-max and stops when the mean magnitude of the error no longer falls, as the authors' code does.
 * Where we differ: errors are counted in steps, so that the answer does not depend on the unit of the weights; where
 * the zero point is fixed, the scale that fits W - e best is found instead; an integer zero point is the nearest one;
 * importance weighs the means; parameters that are worse than the start by the norm itself are not taken.
 */
export const hqq: SearchRange = (grid, values, importance) => {
  const start = overRange(grid, extremes(grid, values));
  // With nothing to move there is nothing to solve.
  if (hasPowerScale(grid.choice) && grid.fixedZero) return start;
  let best = start;
  let least = norm(grid, values, importance, start, P);
  let before = norm(grid, values, importance, start, 1);
  let params = start;
  for (let iteration = 0, beta = FIRST_BETA; iteration < MAX_ITERATIONS; iteration++, beta *= KAPPA) {
    const next = grid.fixedZero
      ? solveScale(grid, values, importance, params, beta)
      : solveZero(grid, values, importance, params, beta);
    if (!next) break;
    const kept = asStored(grid, next);
    const error = norm(grid, values, importance, kept, P);
    if (error < least) [best, least] = [kept, error];
    const now = norm(grid, values, importance, next, 1);
    if (!(now < before)) break;
    [params, before] = [next, now];
  }
  return best;
};

const shrink = (x: number, beta: number) => {
  const size = Math.abs(x);
  return size === 0 ? 0 : Math.sign(x) * Math.max(0, size - size ** (P - 1) / beta);
};

/** z <- mean(Q - (W - e) / s), not yet rounded. */
function solveZero(
  grid: UniformGrid,
  values: Float32Array,
  importance: Float32Array | undefined,
  params: ScaleAndZero,
  beta: number,
): ScaleAndZero | undefined {
  const { scale, zeroPoint } = params;
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const w = importance ? importance[i]! : 1;
    const steps = values[i]! / scale;
    const code = nearestCode(grid, values[i]!, params);
    const e = shrink(steps - (code - zeroPoint), beta);
    sum += w * (code - (steps - e));
    total += w;
  }
  return total > 0 ? { scale, zeroPoint: Math.fround(sum / total) } : undefined;
}

/** s <- sum (W - e) l / sum ll. */
function solveScale(
  grid: UniformGrid,
  values: Float32Array,
  importance: Float32Array | undefined,
  params: ScaleAndZero,
  beta: number,
): ScaleAndZero | undefined {
  const { scale, zeroPoint } = params;
  let xl = 0;
  let ll = 0;
  for (let i = 0; i < values.length; i++) {
    const w = importance ? importance[i]! : 1;
    const level = levelOf(grid, nearestCode(grid, values[i]!, params), zeroPoint);
    const steps = values[i]! / scale;
    xl += w * (steps - shrink(steps - level, beta)) * level;
    ll += w * level * level;
  }
  const solved = asStored(grid, { scale: (scale * xl) / ll, zeroPoint });
  return Math.abs(solved.scale) > 0 && Number.isFinite(solved.scale) ? solved : undefined;
}

/** A whole zero point where the scheme has whole ones, and a scale of the stored type. */
function asStored(grid: UniformGrid, { scale, zeroPoint }: ScaleAndZero): ScaleAndZero {
  const { minCode, maxCode } = grid.codes;
  const zero = grid.cells.realZero ? zeroPoint : Math.max(minCode, Math.min(maxCode, Math.round(zeroPoint)));
  const [low, high] = outermostLevels(grid, zero);
  return { scale: storedScale(scale, Math.max(1, -low, high), grid.choice), zeroPoint: zero };
}

/** Mean of |error|^p, in steps of the first scale's magnitude. */
function norm(
  grid: UniformGrid,
  values: Float32Array,
  importance: Float32Array | undefined,
  params: ScaleAndZero,
  p: number,
): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const code = nearestCode(grid, values[i]!, params);
    const error = Math.abs(values[i]! - levelOf(grid, code, params.zeroPoint) * params.scale);
    sum += (importance ? importance[i]! : 1) * (p === 1 ? error : error ** p);
  }
  return sum;
}
