/**
 * x = d * l + m with l in 0 .. top for four blocks of 32 in lanes: the best search of Q4_1 and Q5_1.
 * The readable twin is ../../ggml/legacy-affine.ref.ts.
 */
import { half4 } from './half';
import { CODES } from './legacy-packing';
import { finiteHalf, W, X } from './legacy-scale';

const Y = memory.data(32 * 16, 16);
const END: usize = 32 * 16;

// Smallest and largest value of each lane; of zeros of both signs, the first.
let low: v128 = i32x4.splat(0);
let high: v128 = i32x4.splat(0);

// @ts-ignore: decorator
@inline function setRange(): void {
  let smallest = v128.load(X);
  let largest = smallest;
  for (let i: usize = 16; i < END; i += 16) {
    const x = v128.load(X + i);
    smallest = f32x4.pmin(smallest, x);
    largest = f32x4.pmax(largest, x);
  }
  low = smallest;
  high = largest;
}

// @ts-ignore: decorator
@inline function cut(v: v128, top: v128): v128 {
  // pmin keeps its first argument when the second is NaN.
  return f32x4.nearest(f32x4.pmax(f32x4.splat(0), f32x4.pmin(top, v)));
}

// @ts-ignore: decorator
@inline function whole(level: v128): v128 {
  // The low bits of a float that is 2^23 more than a whole number are that number.
  return i32x4.sub(f32x4.add(level, f32x4.splat(8388608)), i32x4.splat(0x4b000000));
}

/** float16 bits of the minima that the last search found. */
let minimumBits: v128 = i32x4.splat(0);
export function minimaFound(): v128 {
  return minimumBits;
}

// Sums of the weights and of the weighted values.
let sumW: v128 = i32x4.splat(0);
let sumY: v128 = i32x4.splat(0);

// Best search: sums of w l, w l^2 and w y l at the points of the last call of `sums`.
const SUMS = memory.data(6 * 16, 16);
// The fit that takes most squared error away, and how much: a scale, a minimum counted from the middle of the range.
let fittedScale: v128 = i32x4.splat(0);
let fittedMinimum: v128 = i32x4.splat(0);
let gained: v128 = i32x4.splat(0);

/** Values counted from the middle of the range; with weights they are looked at so often that they are stored. */
// @ts-ignore: decorator
@inline function centred(i: usize, middle: v128, weighted: bool): v128 {
  return weighted ? v128.load(Y + i) : f32x4.sub(v128.load(X + i), middle);
}

/** Levels are those of (y - from) * inverseA; `two`: also with inverseB. */
// @ts-ignore: decorator
@inline function sums(
  middle: v128, from: v128, inverseA: v128, inverseB: v128, levels: f32, weighted: bool, two: bool,
): void {
  const top = f32x4.splat(levels);
  let wy = f32x4.splat(0);
  let lA = wy;
  let llA = lA;
  let ylA = lA;
  let lB = lA;
  let llB = lA;
  let ylB = lA;
  for (let i: usize = 0; i < END; i += 16) {
    const y = centred(i, middle, weighted);
    if (!weighted) wy = f32x4.add(wy, y);
    const v = f32x4.sub(y, from);
    const a = cut(f32x4.mul(v, inverseA), top);
    const wa = weighted ? f32x4.mul(v128.load(W + i), a) : a;
    lA = f32x4.add(lA, wa);
    llA = f32x4.add(llA, f32x4.mul(wa, a));
    ylA = f32x4.add(ylA, f32x4.mul(y, wa));
    if (two) {
      const b = cut(f32x4.mul(v, inverseB), top);
      const wb = weighted ? f32x4.mul(v128.load(W + i), b) : b;
      lB = f32x4.add(lB, wb);
      llB = f32x4.add(llB, f32x4.mul(wb, b));
      ylB = f32x4.add(ylB, f32x4.mul(y, wb));
    }
  }
  if (!weighted) sumY = wy;
  v128.store(SUMS, lA);
  v128.store(SUMS, llA, 16);
  v128.store(SUMS, ylA, 32);
  if (two) {
    v128.store(SUMS, lB, 48);
    v128.store(SUMS, llB, 64);
    v128.store(SUMS, ylB, 80);
  }
}

// @ts-ignore: decorator
@inline function consider(sum: usize): void {
  const l = v128.load(SUMS + sum);
  const yl = v128.load(SUMS + sum, 32);
  const determinant = f32x4.sub(f32x4.mul(sumW, v128.load(SUMS + sum, 16)), f32x4.mul(l, l));
  const d = f32x4.div(f32x4.sub(f32x4.mul(sumW, yl), f32x4.mul(l, sumY)), determinant);
  const m = f32x4.div(f32x4.sub(sumY, f32x4.mul(d, l)), sumW);
  const gain = f32x4.add(f32x4.mul(d, yl), f32x4.mul(m, sumY));
  const take = v128.and(f32x4.gt(determinant, f32x4.splat(0)), f32x4.gt(gain, gained));
  fittedScale = v128.bitselect(d, fittedScale, take);
  fittedMinimum = v128.bitselect(m, fittedMinimum, take);
  gained = v128.bitselect(gain, gained, take);
}

// How far, in steps of the plain scale, each end of the range is first moved inwards: ../../ggml/legacy-affine.ref.ts.
const STARTS = memory.data<f32>([0.2, 0.1, -0.1, 0.4, 0.4, -0.1, 0, 0.2, -0.3, 0.5, 0, -0.2, 0.5, 0.3, 0.5, -0.2]);
// With weights, every pair of these.
const INSETS = memory.data<f32>([-0.2, 0.1, 0.45, 0.9, 1.5, 2.3]);

/** The range with both ends moved, with weights. */
// @ts-ignore: decorator
@inline function scanWeighted(levels: f32, bottom: v128, step: v128): void {
  fittedScale = f32x4.splat(0);
  fittedMinimum = f32x4.div(sumY, sumW);
  gained = f32x4.mul(fittedMinimum, sumY);
  for (let i: usize = 0; i < 24; i += 4) {
    const a = load<f32>(INSETS + i);
    const from = f32x4.add(bottom, f32x4.mul(f32x4.splat(a), step));
    for (let j: usize = 0; j < 24; j += 8) {
      const first = f32x4.div(f32x4.splat(levels / (levels - a - load<f32>(INSETS + j))), step);
      const second = f32x4.div(f32x4.splat(levels / (levels - a - load<f32>(INSETS + j, 4))), step);
      sums(bottom, from, first, second, levels, true, true);
      consider(0);
      consider(48);
    }
  }
}

/** Elements 2j and 2j + 1 of the four blocks as 16-bit integers, the range becoming 2^bits. */
const INTEGERS = memory.data(16 * 16, 16);
let integerSum: v128 = i32x4.splat(0);
let fittedSum: v128 = i32x4.splat(0);

// @ts-ignore: decorator
@inline function considerIntegers(l: v128, ll: v128, yl: v128): void {
  const sumL = i32x4.dot_i16x8_s(l, i16x8.splat(1));
  const numerator = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shl(yl, 5), i32x4.mul(sumL, integerSum)));
  const determinant = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shl(ll, 5), i32x4.mul(sumL, sumL)));
  const d = f32x4.div(numerator, determinant);
  const gain = f32x4.mul(d, numerator);
  const take = f32x4.gt(gain, gained);
  fittedScale = v128.bitselect(d, fittedScale, take);
  fittedSum = v128.bitselect(sumL, fittedSum, take);
  gained = v128.bitselect(gain, gained, take);
}

/** The same without weights, in integers. */
// @ts-ignore: decorator
@inline function scanPlain(levels: f32, bits: i32, bottom: v128): void {
  const length = f32x4.sub(high, low);
  let factor = f32x4.div(f32x4.splat(<f32>(1 << bits)), length);
  factor = v128.and(factor, f32x4.lt(factor, f32x4.splat(f32.POSITIVE_INFINITY)));
  const magic = f32x4.splat(12582912);
  let sum = i32x4.splat(0);
  for (let j: usize = 0; j < 256; j += 16) {
    const even = f32x4.add(f32x4.mul(f32x4.sub(v128.load(X + (j << 1)), low), factor), magic);
    const odd = f32x4.add(f32x4.mul(f32x4.sub(v128.load(X + (j << 1), 16), low), factor), magic);
    const pair = v128.or(v128.and(even, i32x4.splat(0xffff)), i32x4.shl(odd, 16));
    v128.store(INTEGERS + j, pair);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(pair, i16x8.splat(1)));
  }
  integerSum = sum;
  fittedScale = f32x4.splat(0);
  fittedSum = i32x4.splat(0);
  gained = f32x4.splat(0);
  const zero = i16x8.splat(0);
  const top = i16x8.splat(<i16>levels);
  const scale: f32 = levels * levels * <f32>(1 << (15 - bits));
  for (let i: usize = 0; i < 64; i += 8) {
    const inset = load<f32>(STARTS + i);
    const from = i16x8.splat(<i16>(<i32>(inset * <f32>(1 << bits) / levels + 2048.5) - 2048));
    const multiplier = i16x8.splat(<i16>(scale / (levels - inset - load<f32>(STARTS + i, 4)) + 0.5));
    let l = zero;
    let ll = zero;
    let yl = zero;
    let y = zero;
    let level = zero;
    // Four steps a turn: short loops cost more than what is in them.
    for (let j: usize = 0; j < 256; j += 64) {
      y = v128.load(INTEGERS + j);
      level = i16x8.q15mulr_sat_s(i16x8.sub(y, from), multiplier);
      level = i16x8.max_s(zero, i16x8.min_s(top, level));
      l = i16x8.add(l, level);
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(level, level));
      yl = i32x4.add(yl, i32x4.dot_i16x8_s(y, level));
      y = v128.load(INTEGERS + j, 16);
      level = i16x8.q15mulr_sat_s(i16x8.sub(y, from), multiplier);
      level = i16x8.max_s(zero, i16x8.min_s(top, level));
      l = i16x8.add(l, level);
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(level, level));
      yl = i32x4.add(yl, i32x4.dot_i16x8_s(y, level));
      y = v128.load(INTEGERS + j, 32);
      level = i16x8.q15mulr_sat_s(i16x8.sub(y, from), multiplier);
      level = i16x8.max_s(zero, i16x8.min_s(top, level));
      l = i16x8.add(l, level);
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(level, level));
      yl = i32x4.add(yl, i32x4.dot_i16x8_s(y, level));
      y = v128.load(INTEGERS + j, 48);
      level = i16x8.q15mulr_sat_s(i16x8.sub(y, from), multiplier);
      level = i16x8.max_s(zero, i16x8.min_s(top, level));
      l = i16x8.add(l, level);
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(level, level));
      yl = i32x4.add(yl, i32x4.dot_i16x8_s(y, level));
    }
    considerIntegers(l, ll, yl);
  }
  const unit = f32x4.mul(length, f32x4.splat(<f32>1 / <f32>(1 << bits)));
  const rest = f32x4.sub(f32x4.convert_i32x4_s(integerSum), f32x4.mul(fittedScale, f32x4.convert_i32x4_s(fittedSum)));
  fittedMinimum = f32x4.add(bottom, f32x4.mul(f32x4.mul(rest, f32x4.splat(0.03125)), unit));
  fittedScale = f32x4.mul(fittedScale, unit);
}

// @ts-ignore: decorator
@inline function inverseOf(d: v128): v128 {
  return v128.andnot(f32x4.div(f32x4.splat(1), d), f32x4.eq(d, f32x4.splat(0)));
}

/** Whether the sum of w (y - from - d l)^2, with the levels of d and from, is less at A than at B. */
// @ts-ignore: decorator
@inline function isBetter(
  middle: v128, dA: v128, fromA: v128, dB: v128, fromB: v128, levels: f32, weighted: bool,
): v128 {
  const top = f32x4.splat(levels);
  const inverseA = inverseOf(dA);
  const inverseB = inverseOf(dB);
  let errorA = f32x4.splat(0);
  let errorB = errorA;
  for (let i: usize = 0; i < END; i += 16) {
    const y = centred(i, middle, weighted);
    const a = f32x4.sub(y, fromA);
    const b = f32x4.sub(y, fromB);
    const differenceA = f32x4.sub(a, f32x4.mul(dA, cut(f32x4.mul(a, inverseA), top)));
    const differenceB = f32x4.sub(b, f32x4.mul(dB, cut(f32x4.mul(b, inverseB), top)));
    const squareA = f32x4.mul(differenceA, differenceA);
    const squareB = f32x4.mul(differenceB, differenceB);
    errorA = f32x4.add(errorA, weighted ? f32x4.mul(v128.load(W + i), squareA) : squareA);
    errorB = f32x4.add(errorB, weighted ? f32x4.mul(v128.load(W + i), squareB) : squareB);
  }
  return f32x4.lt(errorA, errorB);
}

/** The least squared error. Sets CODES and the minima; returns the scales as float16 bits. `bits` as in the twin. */
// @ts-ignore: decorator
@inline export function bestAffine(levels: f32, bits: i32, weighted: bool): v128 {
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  setRange();
  const middle = f32x4.mul(f32x4.add(low, high), f32x4.splat(0.5));
  const bottom = f32x4.sub(low, middle);
  const step = f32x4.div(f32x4.sub(high, low), f32x4.splat(levels));
  sumW = f32x4.splat(32);
  if (weighted) {
    let w = zero;
    let wy = zero;
    for (let i: usize = 0; i < END; i += 16) {
      const y = f32x4.sub(v128.load(X + i), middle);
      v128.store(Y + i, y);
      w = f32x4.add(w, v128.load(W + i));
      wy = f32x4.add(wy, f32x4.mul(v128.load(W + i), y));
    }
    sumW = w;
    sumY = wy;
  }
  if (weighted) scanWeighted(levels, bottom, step);
  else scanPlain(levels, bits, bottom);

  const inverse = f32x4.div(one, fittedScale);
  sums(middle, fittedMinimum, inverse, inverse, levels, weighted, false);
  const w = sumW;
  const wy = sumY;
  const l = v128.load(SUMS);
  const ll = v128.load(SUMS, 16);
  const yl = v128.load(SUMS, 32);
  const determinant = f32x4.sub(f32x4.mul(w, ll), f32x4.mul(l, l));
  const some = f32x4.gt(determinant, zero);
  const slope = f32x4.div(f32x4.sub(f32x4.mul(w, yl), f32x4.mul(l, wy)), determinant);
  const scale = v128.bitselect(slope, fittedScale, some);
  const minimum = v128.bitselect(f32x4.div(f32x4.sub(wy, f32x4.mul(slope, l)), w), fittedMinimum, some);
  let m = finiteHalf(f32x4.add(minimum, middle));
  let from = f32x4.sub(m, middle);
  const refitted = f32x4.div(f32x4.sub(yl, f32x4.mul(from, l)), ll);
  let d = finiteHalf(v128.bitselect(refitted, scale, f32x4.gt(ll, zero)));

  const plainD = finiteHalf(step);
  const plainM = finiteHalf(low);
  const plainFrom = f32x4.sub(plainM, middle);
  const better = isBetter(middle, d, from, plainD, plainFrom, levels, weighted);
  d = v128.bitselect(d, plainD, better);
  m = v128.bitselect(m, plainM, better);
  from = v128.bitselect(from, plainFrom, better);
  const factor = inverseOf(d);
  for (let i: usize = 0; i < END; i += 16) {
    const code = cut(f32x4.mul(f32x4.sub(centred(i, middle, weighted), from), factor), f32x4.splat(levels));
    v128.store(CODES + i, whole(code));
  }
  minimumBits = half4(m);
  return half4(d);
}
