import { halfBits, halfValue } from './half.ref.ts';
import { extreme, ZERO_BELOW } from './scale-search.ref.ts';

const { fround: f, abs, min, max } = Math;

/**
 * Best search of the super-blocks with one float16 d and a whole step per sub-block: x ≈ d · step · level. All
 * arithmetic is float32, one rounding per operation, sums from the left.
 *
 * Steps are searched as they will be stored, by the error Σ w·(x - d·step·level)² that they leave:
 * 1. d from the largest scale, and for every sub-block the steps that may suit it;
 * 2. of those the step with the least error;
 * 3. d anew by least squares, for the steps and levels as they are now: d = Σ step·w·x·level / Σ step²·w·level²;
 * 4. at that d, each step and its neighbours once more. The better of 2 and 4 is kept.
 */
export interface StepFormat {
  /** Values of a sub-block: 16 or 32. */
  readonly values: number;
  /** Steps are -steps .. steps - 1. */
  readonly steps: number;
  /** The level nearest to t. */
  readonly level: (t: number) => number;
  /** The level of largest magnitude. */
  readonly farthest: number;
  /** Whether zero is a level: then a step need never be zero. */
  readonly zero: boolean;
  /**
   * What is tried first. `level`: where a start puts the extreme value of a sub-block; it gives a least-squares scale,
   * and the best of these leads to a step and its neighbours. `ratio`: a scale, over the one that puts the extreme
   * at the farthest level; each leads to a step of its own, which pays where steps are fine.
   */
  readonly first: 'level' | 'ratio';
  readonly starts: { readonly plain: readonly number[]; readonly weighted: readonly number[] };
  /** d is so much larger than the largest scale needs. */
  readonly room: number;
}

/** What is stored beside the codes of a super-block. */
export interface BlockSteps {
  /** A value of float16. */
  readonly d: number;
  /** One per sub-block. */
  readonly steps: Int8Array;
}

const nearest = (v: number): number => f(f(v + 12582912) - 12582912);

/** The whole number nearest to v in -limit .. limit - 1. */
export const whole = (v: number, limit: number): number => nearest(max(-limit, min(limit - 1, v)));

/** 1 / scale; 0 for 0. */
export const inverseOf = (scale: number): number => (scale === 0 ? 0 : f(1 / scale));

/** The nearest float16 that is neither zero nor infinite. */
function storedScale(v: number): number {
  const magnitude = halfValue(halfBits(max(2 ** -24, min(65504, abs(v)))));
  return v < 0 ? -magnitude : magnitude;
}

type Level = (t: number) => number;

/** Σ w·(x - scale·level)². */
function errorAt(x: Float32Array, w: Float32Array, scale: number, level: Level): number {
  const inverse = inverseOf(scale);
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const r = f(x[i]! - f(scale * level(f(x[i]! * inverse))));
    sum = f(sum + f(f(w[i]! * r) * r));
  }
  return sum;
}

/** [Σ w·x·level, Σ w·level²] at one inverse scale. */
function sums(x: Float32Array, w: Float32Array, inverse: number, level: Level): [number, number] {
  let xl = 0;
  let ll = 0;
  for (let i = 0; i < x.length; i++) {
    const l = level(f(x[i]! * inverse));
    const wl = f(w[i]! * l);
    xl = f(xl + f(wl * x[i]!));
    ll = f(ll + f(wl * l));
  }
  return [xl, ll];
}

/**
 * The least-squares scale that takes away most of Σ w·x², of those that the starts lead to and, `refine` times, of
 * that which the best scale so far leads to; the plain scale if none does.
 * @param starts where the extreme value is put
 */
export function leastSquaresScale(
  x: Float32Array,
  w: Float32Array,
  starts: readonly number[],
  { level, farthest }: Pick<StepFormat, 'level' | 'farthest'>,
  refine = 0,
): number {
  const m = extreme(x);
  if (abs(m) < ZERO_BELOW) return 0;
  const reciprocal = f(1 / m);
  let scale = f(m * f(1 / farthest));
  let best = 0;
  const consider = (inverse: number) => {
    const [xl, ll] = sums(x, w, inverse, level);
    const fitted = f(xl / ll);
    const gain = f(fitted * xl);
    if (gain > best) {
      best = gain;
      scale = fitted;
    }
  };
  for (const start of starts) consider(f(f(start) * reciprocal));
  for (let i = 0; i < refine; i++) consider(f(1 / scale));
  return scale;
}

/** The least d, of either sign, that puts all scales between -steps and steps - 1. */
function firstScale(scales: Float32Array, steps: number): number {
  const low = -min(0, ...scales);
  const high = max(0, ...scales);
  const d = max(f(max(low, high) * f(1 / steps)), f(min(low, high) * f(1 / (steps - 1))));
  return low >= high ? d : -d;
}

/**
 * Weights of the best search: the importance, but a millionth of the largest at least, and ones where all is zero: then
 * values that no activation has met are rounded well too.
 */
export function fitWeights(importance: Float32Array | undefined, length: number): Float32Array {
  if (importance === undefined) return new Float32Array(length).fill(1);
  const largest = max(...importance);
  const least = largest > 0 ? f(largest * f(1e-6)) : 1;
  return importance.map((v) => max(v, least));
}

/**
 * @param x [256]
 * @param importance [256], the weight of each squared error; undefined: ones
 */
export function fitSteps(
  x: Float32Array,
  importance: Float32Array | undefined,
  format: StepFormat,
): BlockSteps {
  const { values, steps: limit, level, farthest, zero, first, starts, room } = format;
  const weights = fitWeights(importance, 256);
  const list = importance ? starts.weighted : starts.plain;
  const blocks = Array.from({ length: 256 / values }, (_, j) => ({
    x: x.subarray(values * j, values * (j + 1)),
    w: weights.subarray(values * j, values * (j + 1)),
  }));
  const stepAt = (v: number) => whole(v, limit) || (zero ? 1 : 0);
  const around = (step: number) => [-1, 0, 1].map((u) => stepAt(step + u));
  /** Takes the best candidate of each sub-block; adds the errors up. */
  const choose = (d: number, candidates: (j: number) => number[]) => {
    let error = 0;
    const steps = Int8Array.from(blocks, ({ x, w }, j) => {
      let least = Number.POSITIVE_INFINITY;
      let kept = 0;
      for (const step of candidates(j)) {
        const e = errorAt(x, w, f(d * step), level);
        if (e < least) {
          least = e;
          kept = step;
        }
      }
      error = f(error + least);
      return kept;
    });
    return { d, steps, error };
  };

  const scales = Float32Array.from(blocks, ({ x, w }) =>
    first === 'ratio' ? f(extreme(x) * f(1 / farthest)) : leastSquaresScale(x, w, list, format),
  );
  const d = storedScale(f(firstScale(scales, limit) * f(room)));
  const inverse = f(1 / d);
  const start = choose(d, (j) => {
    const step = f(scales[j]! * inverse);
    return first === 'ratio' ? list.map((ratio) => stepAt(f(step * f(ratio)))) : around(stepAt(step));
  });

  let xl = 0;
  let ll = 0;
  for (const [j, { x, w }] of blocks.entries()) {
    const step = start.steps[j]!;
    const [a, b] = sums(x, w, inverseOf(f(d * step)), level);
    xl = f(xl + f(step * a));
    ll = f(ll + f(f(step * step) * b));
  }
  if (!(ll > 0)) return start;
  const again = choose(storedScale(f(xl / ll)), (j) => around(start.steps[j]!));
  return again.error < start.error ? again : start;
}
