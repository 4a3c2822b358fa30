/**
 * Best search of the super-blocks with one float16 d and a whole step per sub-block; the readable twin is
 * ../../ggml/step-fit.ref.ts. A sub-block is a lane; four make a group of vectors. For `bytes` and `levels` see
 * step-sums.ts.
 */
import { halfBits, halfValue } from './half';
import {
  INVERSES, levelOf, LIMITS, setLimits, SUMS, sumsOfOne, sumsOfTwo, TRIED, VALUES, WEIGHTS,
} from './step-sums';
import { extremes, sideBySide } from './sub-blocks';

/** Of the sub-blocks: scales; steps that are kept and their errors; f32 [16] each. */
const SCALES: usize = memory.data(64, 16);
const STEPS: usize = memory.data(64, 16);
const ERRORS: usize = memory.data(64, 16);
/** Steps of the first d, while those of the second are searched; the result. */
const FIRST: usize = memory.data(64, 16);
export const FITTED_STEPS: usize = memory.data(64, 16);

// @ts-ignore: decorator
@inline function squaredError(sum: v128, at: usize, x: v128, scale: v128, l: v128, weighted: bool): v128 {
  const r = f32x4.sub(x, f32x4.mul(scale, l));
  return f32x4.add(sum, f32x4.mul(weighted ? f32x4.mul(v128.load(at, WEIGHTS), r) : r, r));
}

// @ts-ignore: decorator
@inline function keep(to: usize, step: v128, error: v128): void {
  const least = v128.load(ERRORS + to);
  const take = f32x4.lt(error, least);
  v128.store(ERRORS + to, v128.bitselect(error, least, take));
  v128.store(STEPS + to, v128.bitselect(step, v128.load(STEPS + to), take));
}

/** Keeps of three steps and the one before the one with the least error. to: 16 times the number of the group. */
// @ts-ignore: decorator
@inline function tryThree(
  at: usize, to: usize, d: v128, s0: v128, s1: v128, s2: v128, bytes: usize, levels: i32, weighted: bool,
): void {
  const one = f32x4.splat(1);
  setTried(0, d, s0, one, levels);
  setTried(16, d, s1, one, levels);
  setTried(32, d, s2, one, levels);
  const low = v128.load(LIMITS);
  const top = v128.load(LIMITS, 16);
  const i0 = v128.load(INVERSES);
  const i1 = v128.load(INVERSES, 16);
  const i2 = v128.load(INVERSES, 32);
  let e0 = f32x4.splat(0);
  let e1 = e0;
  let e2 = e0;
  for (const end = at + bytes; at < end; at += 16) {
    const x = v128.load(at);
    e0 = squaredError(e0, at, x, v128.load(TRIED), levelOf(x, i0, low, top, levels), weighted);
    e1 = squaredError(e1, at, x, v128.load(TRIED, 16), levelOf(x, i1, low, top, levels), weighted);
    e2 = squaredError(e2, at, x, v128.load(TRIED, 32), levelOf(x, i2, low, top, levels), weighted);
  }
  keep(to, s0, e0);
  keep(to, s1, e1);
  keep(to, s2, e2);
}

// @ts-ignore: decorator
@inline function setTried(to: usize, d: v128, step: v128, one: v128, levels: i32): void {
  const scale = f32x4.mul(d, step);
  const inverse = f32x4.div(one, scale);
  v128.store(TRIED + to, scale);
  // Only where zero is no level can a step be zero.
  v128.store(INVERSES + to, levels == 0 ? v128.and(inverse, f32x4.ne(step, f32x4.splat(0))) : inverse);
}

/** The step nearest to v. */
// @ts-ignore: decorator
@inline function stepAt(v: v128, steps: f32, levels: i32): v128 {
  const step = f32x4.nearest(f32x4.pmax(f32x4.splat(-steps), f32x4.pmin(f32x4.splat(steps - 1), v)));
  if (levels == 0) return step;
  return v128.bitselect(f32x4.splat(1), step, f32x4.eq(step, f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline function forget(): void {
  const infinite = f32x4.splat(f32.POSITIVE_INFINITY);
  for (let i: usize = 0; i < 64; i += 16) {
    v128.store(ERRORS + i, infinite);
    v128.store(STEPS + i, f32x4.splat(0));
  }
}

/** The sum of the first `count` errors. */
// @ts-ignore: decorator
@inline function totalError(count: usize): f32 {
  let sum: f32 = 0;
  for (let i: usize = 0; i < count << 2; i += 4) sum += load<f32>(ERRORS + i);
  return sum;
}

/** The nearest float16 that is neither zero nor infinite. */
function storedScale(v: f32): f32 {
  const magnitude = halfValue(halfBits(max<f32>(<f32>5.9604644775390625e-8, min<f32>(65504, abs<f32>(v)))));
  return v < 0 ? -magnitude : magnitude;
}

/** The least d, of either sign, that puts the first `count` scales between -steps and steps - 1. */
// @ts-ignore: decorator
@inline function firstScale(count: usize, steps: f32): f32 {
  let low: f32 = 0;
  let high: f32 = 0;
  for (let i: usize = 0; i < count << 2; i += 4) {
    low = min<f32>(low, load<f32>(SCALES + i));
    high = max<f32>(high, load<f32>(SCALES + i));
  }
  low = -low;
  const d = max<f32>(max<f32>(low, high) * (<f32>1 / steps), min<f32>(low, high) * (<f32>1 / (steps - 1)));
  return low >= high ? d : -d;
}

// Of one group: what was best, and what it took away.
const FITTED: usize = memory.data(16, 16);
const GAINED: usize = memory.data(16, 16);

// @ts-ignore: decorator
@inline function consider(sum: usize): void {
  const xl = v128.load(SUMS + sum);
  const scale = f32x4.div(xl, v128.load(SUMS + sum, 16));
  const gain = f32x4.mul(scale, xl);
  const best = v128.load(GAINED);
  const take = f32x4.gt(gain, best);
  v128.store(GAINED, v128.bitselect(gain, best, take));
  v128.store(FITTED, v128.bitselect(scale, v128.load(FITTED), take));
}

/**
 * The least-squares scales that take away most of w x^2, of those that the starts and then, `refine` times, the best
 * so far lead to. starts: f32 [count], count even: where the extremes are put.
 */
// @ts-ignore: decorator
@inline export function leastSquaresScales(
  at: usize, starts: usize, count: usize, refine: i32, farthest: f32, bytes: usize, levels: i32, weighted: bool,
): v128 {
  setLimits(levels);
  const m = extremes(at, bytes);
  const reciprocal = f32x4.div(f32x4.splat(1), m);
  v128.store(FITTED, f32x4.mul(m, f32x4.splat(<f32>1 / farthest)));
  v128.store(GAINED, f32x4.splat(0));
  for (let i: usize = 0; i < count << 2; i += 8) {
    v128.store(INVERSES, f32x4.mul(v128.load32_splat(starts + i), reciprocal));
    v128.store(INVERSES, f32x4.mul(v128.load32_splat(starts + i, 4), reciprocal), 16);
    sumsOfTwo(at, bytes, levels, weighted);
    consider(0);
    consider(32);
  }
  for (let i = 0; i < refine; i++) {
    v128.store(INVERSES, f32x4.div(f32x4.splat(1), v128.load(FITTED)));
    sumsOfOne(at, bytes, levels, weighted);
    consider(0);
  }
  return v128.andnot(v128.load(FITTED), f32x4.lt(f32x4.abs(m), f32x4.splat(1e-15)));
}

/** At d: steps at `from`, f32 [16], and their neighbours. Leaves STEPS and ERRORS. */
// @ts-ignore: decorator
@inline function tryNeighbours(d: f32, from: usize, steps: f32, bytes: usize, levels: i32, weighted: bool): void {
  forget();
  const one = f32x4.splat(1);
  for (let at: usize = VALUES, to: usize = 0; at < VALUES + 1024; at += bytes, to += 16) {
    const step = v128.load(from + to);
    const s0 = stepAt(f32x4.sub(step, one), steps, levels);
    const s1 = stepAt(step, steps, levels);
    const s2 = stepAt(f32x4.add(step, one), steps, levels);
    tryThree(at, to, f32x4.splat(d), s0, s1, s2, bytes, levels, weighted);
  }
}

/** After `fitSteps`: d as float16 bits; FITTED_STEPS are floats. */
export let fittedD: u32 = 0;

/**
 * d and steps of the super-block at VALUES with its WEIGHTS. ratio: whether starts, f32 [count], are scales over the
 * plain one, each of which leads to a step; count is then a multiple of 3, otherwise even.
 */
// @ts-ignore: decorator
@inline export function fitSteps(
  starts: usize, count: usize, ratio: bool, room: f32, farthest: f32, steps: f32, bytes: usize, levels: i32,
  weighted: bool,
): void {
  const blocks: usize = 4096 / bytes;
  for (let at: usize = VALUES, to: usize = SCALES; at < VALUES + 1024; at += bytes, to += 16) {
    if (ratio) v128.store(to, f32x4.mul(extremes(at, bytes), f32x4.splat(<f32>1 / farthest)));
    else v128.store(to, leastSquaresScales(at, starts, count, 0, farthest, bytes, levels, weighted));
  }
  setLimits(levels);
  const d = storedScale(firstScale(blocks, steps) * room);
  const inverse = f32x4.splat(<f32>1 / d);
  if (ratio) {
    forget();
    for (let at: usize = VALUES, to: usize = 0; at < VALUES + 1024; at += bytes, to += 16) {
      const step = f32x4.mul(v128.load(SCALES + to), inverse);
      for (let i: usize = 0; i < count << 2; i += 12) {
        const s0 = stepAt(f32x4.mul(step, v128.load32_splat(starts + i)), steps, levels);
        const s1 = stepAt(f32x4.mul(step, v128.load32_splat(starts + i, 4)), steps, levels);
        const s2 = stepAt(f32x4.mul(step, v128.load32_splat(starts + i, 8)), steps, levels);
        tryThree(at, to, f32x4.splat(d), s0, s1, s2, bytes, levels, weighted);
      }
    }
  } else {
    for (let to: usize = 0; to < blocks << 2; to += 16) {
      v128.store(FIRST + to, stepAt(f32x4.mul(v128.load(SCALES + to), inverse), steps, levels));
    }
    tryNeighbours(d, FIRST, steps, bytes, levels, weighted);
  }
  const error = totalError(blocks);
  memory.copy(FITTED_STEPS, STEPS, 64);
  fittedD = halfBits(d);

  let xl: f32 = 0;
  let ll: f32 = 0;
  for (let at: usize = VALUES, to: usize = 0; at < VALUES + 1024; at += bytes, to += 16) {
    const step = v128.load(STEPS + to);
    setTried(0, f32x4.splat(d), step, f32x4.splat(1), levels);
    sumsOfOne(at, bytes, levels, weighted);
    v128.store(SUMS, f32x4.mul(step, v128.load(SUMS)));
    v128.store(SUMS, f32x4.mul(f32x4.mul(step, step), v128.load(SUMS, 16)), 16);
    for (let lane: usize = 0; lane < 16; lane += 4) {
      xl += load<f32>(SUMS + lane);
      ll += load<f32>(SUMS + lane, 16);
    }
  }
  if (!(ll > 0)) return;
  const again = storedScale(xl / ll);
  tryNeighbours(again, FITTED_STEPS, steps, bytes, levels, weighted);
  if (totalError(blocks) < error) {
    memory.copy(FITTED_STEPS, STEPS, 64);
    fittedD = halfBits(again);
  }
}

/**
 * Values, f32 [256] at x, and weights, f32 [256] at `importance` unless that is 0, in lanes: a millionth of the
 * largest importance at least, ones where all is zero.
 */
// @ts-ignore: decorator
@inline export function setValues(x: usize, importance: usize, bytes: usize): void {
  const part = bytes >> 2;
  for (let i: usize = 0; i < 1024; i += bytes) {
    const from = x + i;
    sideBySide(from, from + part, from + 2 * part, from + 3 * part, part, VALUES + i);
  }
  if (importance == 0) return;
  let largest = f32x4.splat(0);
  for (let i: usize = 0; i < 1024; i += 16) largest = f32x4.pmax(largest, v128.load(importance + i));
  const least = leastWeight(largest);
  for (let i: usize = 0; i < 1024; i += bytes) {
    const from = importance + i;
    sideBySide(from, from + part, from + 2 * part, from + 3 * part, part, VALUES + WEIGHTS + i);
  }
  for (let i = VALUES + WEIGHTS; i < VALUES + WEIGHTS + 1024; i += 16) {
    v128.store(i, f32x4.pmax(f32x4.splat(least), v128.load(i)));
  }
}

/** The least weight beside the largest of four importances. */
function leastWeight(v: v128): f32 {
  const largest = max<f32>(
    max<f32>(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max<f32>(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
  return largest > 0 ? largest * <f32>1e-6 : 1;
}
