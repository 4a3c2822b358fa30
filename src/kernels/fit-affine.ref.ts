/**
 * Chooses scale and zero point of blocks: the readable twin of assembly/fit-affine.ts, equal to it bit for bit.
 * Every step is one float32 operation, sums run in order of the values.
 */

const f = Math.fround;

/** The codes a block may use, and how hard to look. */
export interface FitSpec {
  readonly minCode: number;
  readonly maxCode: number;
  /** Fixed zero point; undefined lets each block choose. */
  readonly zeroPoint?: number;
  /**
   * The scale may be negative, so that the largest magnitude lands on the more negative code. Where there is no code
   * above the fixed zero point (1 bit), the scale has the sign that puts the larger side on the one code there is.
   */
  readonly signedScale: boolean;
  /** Tried ranges as parts of the full one; empty takes the full range as it is (min-max). */
  readonly ratios: Float32Array;
}

/**
 * Blocks whose largest magnitude is below this count as zeros (scale 1): with 16-bit codes the scale is still a
 * normal float32, so that 1/scale stays finite.
 */
export const TINY = 2 ** -110;

/** A little below the largest float32: what the code furthest from the zero point may stand for. */
const MAX_VALUE = f(3.4028234663852886e38 * (1 - 2 ** -20));

/** The scale, made smaller where the furthest of `steps` steps would not be finite. */
export function finiteScale(scale: number, steps: number): number {
  const limit = f(MAX_VALUE / steps);
  return Math.min(limit, Math.max(-limit, scale));
}

/** Least-squares passes after the best start is known. */
export const REFINEMENTS = 2;

/** Nearest integer, ties to even, for |x| < 2^22; a sum in float32 rounds the fraction away. */
export function nearest(x: number): number {
  return f(f(x + 12582912) - 12582912);
}

const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

interface Trial {
  error: number;
  scale: number;
}

/**
 * Gives every value its nearest level l at scale s0 = 1/inverse, then the scale that fits those levels best.
 * With d = x/s0 - l, the rounding errors in steps, and sums weighted by w:
 *   s = s0 (1 + sum ld / sum ll),   error = s0^2 (sum dd - (sum ld)^2 / sum ll)
 * Sums of what is left over, not of what is explained: so that float32 still tells 8-bit scales apart.
 */
function leastSquares(
  x: Float32Array, // [n], divided by the largest magnitude
  w: Float32Array | undefined, // [n]
  inverse: number,
  low: number,
  high: number,
): Trial {
  let dd = 0;
  let ld = 0;
  let ll = 0;
  for (let i = 0; i < x.length; i++) {
    const steps = f(x[i]! * inverse);
    const level = nearest(clamp(steps, low, high));
    const d = f(steps - level);
    const wd = w ? f(w[i]! * d) : d;
    const wl = w ? f(w[i]! * level) : level;
    dd = f(dd + f(d * wd));
    ld = f(ld + f(level * wd));
    ll = f(ll + f(level * wl));
  }
  const part = f(ld / ll);
  return {
    scale: f(f(1 + part) / inverse),
    error: f(f(dd - f(ld * part)) / f(inverse * inverse)),
  };
}

/** One block. `values` and `weights`: [n]. Writes scale[at] and zero[at]. */
export function fitBlockRef(
  values: Float32Array,
  weights: Float32Array | undefined,
  spec: FitSpec,
  scale: Float32Array,
  zero: Float32Array,
  at: number,
): void {
  const { minCode, maxCode, signedScale, ratios } = spec;
  let min = 0;
  let max = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (v < min) min = v;
    if (v > max) max = v;
  }
  const largest = Math.max(-min, max);
  const fixed = spec.zeroPoint;
  if (largest < TINY) {
    scale[at] = 1;
    zero[at] = fixed ?? clamp(0, minCode, maxCode);
    return;
  }
  if (ratios.length === 0) {
    // Full range: every value inside.
    const step =
      fixed === undefined
        ? f((max - min) / (maxCode - minCode)) // in doubles: the difference may not fit in float32
        : maxCode === fixed
          ? f((max >= -min ? largest : -largest) / (minCode - fixed))
          : f(largest / Math.min(maxCode - fixed, fixed - minCode));
    const zeroPoint = fixed ?? clamp(nearest(f(minCode - f(min / step))), minCode, maxCode);
    scale[at] = finiteScale(step, Math.max(zeroPoint - minCode, maxCode - zeroPoint));
    zero[at] = zeroPoint;
    return;
  }

  const low = f(min / largest);
  const high = f(max / largest);
  const x = new Float32Array(values.length);
  for (let i = 0; i < x.length; i++) x[i] = f(values[i]! / largest);

  let bestZero: number;
  let bestScale: number;
  let full: number; // the scale that ratios multiply
  if (fixed !== undefined) {
    bestZero = fixed;
    const towards = f((high >= -low ? 1 : -1) / (minCode - fixed));
    bestScale = maxCode === fixed ? towards : f(1 / Math.min(maxCode - fixed, fixed - minCode));
    full = signedScale ? towards : bestScale;
  } else {
    bestScale = f(f(high - low) / (maxCode - minCode));
    bestZero = clamp(nearest(f(minCode - f(low / bestScale))), minCode, maxCode);
    full = bestScale;
  }

  // The full range is the one to beat.
  const start = leastSquares(x, weights, f(1 / bestScale), minCode - bestZero, maxCode - bestZero);
  let bestError = Number.POSITIVE_INFINITY;
  if (start.error < bestError) {
    bestError = start.error;
    bestScale = start.scale;
  }
  for (const candidate of fixed !== undefined ? [fixed] : [bestZero - 1, bestZero, bestZero + 1]) {
    if (candidate < minCode || candidate > maxCode) continue;
    const from = minCode - candidate;
    const to = maxCode - candidate;
    for (const ratio of ratios) {
      const trial = leastSquares(x, weights, f(1 / f(full * ratio)), from, to);
      if (trial.error < bestError) {
        bestError = trial.error;
        bestScale = trial.scale;
        bestZero = candidate;
      }
    }
  }
  for (let pass = 0; pass < REFINEMENTS; pass++) {
    const trial = leastSquares(x, weights, f(1 / bestScale), minCode - bestZero, maxCode - bestZero);
    if (trial.error < bestError) {
      bestError = trial.error;
      bestScale = trial.scale;
    }
  }
  scale[at] = finiteScale(f(largest * bestScale), Math.max(bestZero - minCode, maxCode - bestZero));
  zero[at] = bestZero;
}

/** Every block of `rows` rows of `length` values, cut into blocks of `block` with a shorter last one. */
export function fitAffineRef(
  values: Float32Array, // [rows, length]
  rows: number,
  length: number,
  block: number,
  weights: Float32Array | undefined, // [rows, length]
  spec: FitSpec,
  scale: Float32Array, // [rows, ceil(length / block)]
  zero: Float32Array, // like scale
): void {
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block) {
      const from = row * length + start;
      const to = row * length + Math.min(start + block, length);
      fitBlockRef(values.subarray(from, to), weights?.subarray(from, to), spec, scale, zero, at++);
    }
  }
}
