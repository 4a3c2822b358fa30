/**
 * x = d * l with l in -levels .. levels - 1 for four blocks of 32 in lanes: the searches of Q4_0, Q5_0 and Q8_0.
 * The readable twin is ../../ggml/legacy-scale.ref.ts.
 */
import { half4, unhalf4 } from './half';
import { CODES } from './legacy-packing';

/** Vectors of the elements: values, weights, weights times values. */
export const X = memory.data(32 * 16, 16);
export const W = memory.data(32 * 16, 16);
const WX = memory.data(32 * 16, 16);
const END: usize = 32 * 16;

// Sums of w x l and w l^2 at the two inverse scales of the last call of `sums`.
const SUMS = memory.data(4 * 16, 16);

/** The value of largest magnitude of each lane, the first of several. */
// @ts-ignore: decorator
@inline function extremes(): v128 {
  let value = f32x4.splat(0);
  let largest = value;
  for (let i: usize = 0; i < END; i += 16) {
    const x = v128.load(X + i);
    const magnitude = f32x4.abs(x);
    value = v128.bitselect(x, value, f32x4.gt(magnitude, largest));
    largest = f32x4.pmax(largest, magnitude);
  }
  return value;
}

/** Weights of ggml's search: importance * sqrt(mean square + x^2); importance: f32 [32]. */
export function setSearchWeights(importance: usize, meanSquare: v128): void {
  for (let i: usize = 0; i < END; i += 16) {
    const x = v128.load(X + i);
    const root = f32x4.sqrt(f32x4.add(meanSquare, f32x4.mul(x, x)));
    const w = f32x4.mul(v128.load32_splat(importance + (i >> 2)), root);
    v128.store(W + i, w);
    v128.store(WX + i, f32x4.mul(w, x));
  }
}

/** Weights of the best search: the importance itself; ones where the block has none above zero. */
export function setImportance(importance: usize): void {
  let largest = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 16) largest = f32x4.pmax(largest, v128.load(importance + i));
  const some = v128.any_true(largest);
  for (let i: usize = 0; i < END; i += 16) {
    const w = some ? v128.load32_splat(importance + (i >> 2)) : f32x4.splat(1);
    v128.store(W + i, w);
    v128.store(WX + i, f32x4.mul(w, v128.load(X + i)));
  }
}

// What may be beyond the levels: values at both ends, at the top, or none.
const BOTH = 2;
const TOP = 1;
const NONE = 0;

// @ts-ignore: decorator
@inline function level(x: v128, inverse: v128, low: v128, top: v128, beyond: i32): v128 {
  // pmin keeps its first argument when the second is NaN.
  let v = f32x4.mul(x, inverse);
  if (beyond >= TOP) v = f32x4.pmin(top, v);
  if (beyond == BOTH) v = f32x4.pmax(low, v);
  return f32x4.nearest(v);
}

/** `two`: also at inverse scale b. */
// @ts-ignore: decorator
@inline function sums(a: v128, b: v128, levels: f32, weighted: bool, two: bool, beyond: i32): void {
  const low = f32x4.splat(-levels);
  const top = f32x4.splat(levels - 1);
  let xlA = f32x4.splat(0);
  let llA = xlA;
  let xlB = xlA;
  let llB = xlA;
  for (let i: usize = 0; i < END; i += 16) {
    const x = v128.load(X + i);
    const wx = weighted ? v128.load(WX + i) : x;
    const lA = level(x, a, low, top, beyond);
    const wlA = weighted ? f32x4.mul(v128.load(W + i), lA) : lA;
    xlA = f32x4.add(xlA, f32x4.mul(wx, lA));
    llA = f32x4.add(llA, f32x4.mul(wlA, lA));
    if (two) {
      const lB = level(x, b, low, top, beyond);
      const wlB = weighted ? f32x4.mul(v128.load(W + i), lB) : lB;
      xlB = f32x4.add(xlB, f32x4.mul(wx, lB));
      llB = f32x4.add(llB, f32x4.mul(wlB, lB));
    }
  }
  v128.store(SUMS, xlA);
  v128.store(SUMS, llA, 16);
  if (two) {
    v128.store(SUMS, xlB, 32);
    v128.store(SUMS, llB, 48);
  }
}

/** CODES = level + levels at the inverse scales, 0 in the lanes of `empty`. */
// @ts-ignore: decorator
@inline function setCodes(inverse: v128, levels: f32, empty: v128): void {
  const low = f32x4.splat(-levels);
  const top = f32x4.splat(levels - 1);
  // The low bits of a float that is 2^23 more than a whole number are that number.
  const whole = f32x4.splat(8388608 + levels);
  const offset = i32x4.splat(0x4b000000);
  for (let i: usize = 0; i < END; i += 16) {
    const code = i32x4.sub(f32x4.add(level(v128.load(X + i), inverse, low, top, BOTH), whole), offset);
    v128.store(CODES + i, v128.andnot(code, empty));
  }
}

/** ggml's search with weights, over 19 inverse scales. Sets CODES; returns the scales as float16 bits. */
// @ts-ignore: decorator
@inline export function searchedScale(levels: f32): v128 {
  const zero = f32x4.splat(0);
  const m = extremes();
  const empty = f32x4.lt(f32x4.abs(m), f32x4.splat(1e-15));
  let kept = f32x4.div(f32x4.splat(-levels), m);
  sums(kept, kept, levels, true, false, TOP);
  let xl = v128.load(SUMS);
  let ll = v128.load(SUMS, 16);
  let scale = v128.and(f32x4.div(xl, ll), f32x4.ne(ll, zero));
  let best = f32x4.mul(scale, xl);
  for (let pair = 0; pair < 9; pair++) {
    // Steps -9 .. -1 and 1 .. 9, two at a time.
    const stepA = 2 * pair < 9 ? 2 * pair - 9 : 2 * pair - 8;
    const stepB = 2 * pair < 8 ? 2 * pair - 8 : 2 * pair - 7;
    const a = f32x4.div(f32x4.splat(-(levels + <f32>0.1 * <f32>stepA)), m);
    const b = f32x4.div(f32x4.splat(-(levels + <f32>0.1 * <f32>stepB)), m);
    // The extreme lands at -levels - step / 10, which is cut only from step 5 on; its opposite at the top from step -5 on.
    if (stepB <= -6) sums(a, b, levels, true, true, NONE);
    else if (stepB <= 4) sums(a, b, levels, true, true, TOP);
    else sums(a, b, levels, true, true, BOTH);
    for (let i: usize = 0; i < 64; i += 32) {
      xl = v128.load(SUMS + i);
      ll = v128.load(SUMS + i, 16);
      const take = v128.and(f32x4.gt(ll, zero), f32x4.gt(f32x4.mul(xl, xl), f32x4.mul(best, ll)));
      const quotient = f32x4.div(xl, ll);
      kept = v128.bitselect(i == 0 ? a : b, kept, take);
      scale = v128.bitselect(quotient, scale, take);
      best = v128.bitselect(f32x4.mul(quotient, xl), best, take);
    }
  }
  setCodes(kept, levels, empty);
  return half4(v128.andnot(scale, empty));
}

/** The nearest float16 that is finite, as its value. */
// @ts-ignore: decorator
@inline export function finiteHalf(v: v128): v128 {
  return unhalf4(half4(f32x4.pmax(f32x4.splat(-65504), f32x4.pmin(f32x4.splat(65504), v))));
}

// Best search, between its steps: the least-squares scale that takes away most, and how much.
let fitted: v128 = i32x4.splat(0);
let gained: v128 = i32x4.splat(0);

// @ts-ignore: decorator
@inline function consider(xl: v128, ll: v128): void {
  const scale = f32x4.div(xl, ll);
  const gain = f32x4.mul(scale, xl);
  const take = f32x4.gt(gain, gained);
  fitted = v128.bitselect(scale, fitted, take);
  gained = v128.bitselect(gain, gained, take);
}

/** Starts over m as inverse scales, with weights. */
// @ts-ignore: decorator
@inline function scanWeighted(levels: f32, starts: usize, count: usize, m: v128): void {
  for (let i: usize = 0; i < count << 2; i += 8) {
    const a = f32x4.div(v128.load32_splat(starts + i), m);
    const b = f32x4.div(v128.load32_splat(starts + i, 4), m);
    sums(a, b, levels, true, true, BOTH);
    consider(v128.load(SUMS), v128.load(SUMS, 16));
    consider(v128.load(SUMS, 32), v128.load(SUMS, 48));
  }
}

/** Elements 2j and 2j + 1 of the four blocks as 16-bit integers, m becoming 2^bits. */
const INTEGERS = memory.data(16 * 16, 16);

/** The same without weights, in integers. */
// @ts-ignore: decorator
@inline function scanPlain(levels: f32, starts: usize, count: usize, m: v128, bits: i32): void {
  // The low bits of a float that is 2^23 + 2^22 more than a whole number are that number, with its sign.
  const whole = f32x4.splat(12582912);
  let factor = f32x4.div(f32x4.splat(<f32>(1 << bits)), m);
  factor = v128.and(factor, f32x4.lt(f32x4.abs(factor), f32x4.splat(f32.POSITIVE_INFINITY)));
  for (let j: usize = 0; j < 256; j += 16) {
    const even = f32x4.add(f32x4.mul(v128.load(X + (j << 1)), factor), whole);
    const odd = f32x4.add(f32x4.mul(v128.load(X + (j << 1), 16), factor), whole);
    v128.store(INTEGERS + j, v128.or(v128.and(even, i32x4.splat(0xffff)), i32x4.shl(odd, 16)));
  }
  const low = i16x8.splat(-(<i16>levels));
  const top = i16x8.splat(<i16>levels - 1);
  for (let i: usize = 0; i < count << 2; i += 4) {
    const multiplier = i16x8.splat(<i16>(load<f32>(starts + i) * <f32>(1 << (15 - bits))));
    let xl = i32x4.splat(0);
    let ll = xl;
    let x = xl;
    let l = xl;
    // Four steps a turn: short loops cost more than what is in them.
    for (let j: usize = 0; j < 256; j += 64) {
      x = v128.load(INTEGERS + j);
      l = i16x8.max_s(low, i16x8.min_s(top, i16x8.q15mulr_sat_s(x, multiplier)));
      xl = i32x4.add(xl, i32x4.dot_i16x8_s(x, l));
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(l, l));
      x = v128.load(INTEGERS + j, 16);
      l = i16x8.max_s(low, i16x8.min_s(top, i16x8.q15mulr_sat_s(x, multiplier)));
      xl = i32x4.add(xl, i32x4.dot_i16x8_s(x, l));
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(l, l));
      x = v128.load(INTEGERS + j, 32);
      l = i16x8.max_s(low, i16x8.min_s(top, i16x8.q15mulr_sat_s(x, multiplier)));
      xl = i32x4.add(xl, i32x4.dot_i16x8_s(x, l));
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(l, l));
      x = v128.load(INTEGERS + j, 48);
      l = i16x8.max_s(low, i16x8.min_s(top, i16x8.q15mulr_sat_s(x, multiplier)));
      xl = i32x4.add(xl, i32x4.dot_i16x8_s(x, l));
      ll = i32x4.add(ll, i32x4.dot_i16x8_s(l, l));
    }
    consider(f32x4.convert_i32x4_s(xl), f32x4.convert_i32x4_s(ll));
  }
  fitted = f32x4.mul(fitted, f32x4.mul(m, f32x4.splat(<f32>1 / <f32>(1 << bits))));
}

// @ts-ignore: decorator
@inline function gainAt(d: v128, sum: usize): v128 {
  const xl = v128.load(SUMS + sum);
  return f32x4.mul(d, f32x4.sub(f32x4.add(xl, xl), f32x4.mul(d, v128.load(SUMS + sum, 16))));
}

/**
 * The least squared error from `starts`, f32 [count], count even: levels at which the extremes would land. Sets
 * CODES; returns the scales as float16 bits. `bits` as in the twin.
 */
// @ts-ignore: decorator
@inline export function bestScale(levels: f32, starts: usize, count: usize, bits: i32, weighted: bool): v128 {
  const one = f32x4.splat(1);
  const m = extremes();
  fitted = f32x4.splat(0);
  gained = f32x4.splat(0);
  if (weighted) scanWeighted(levels, starts, count, m);
  else scanPlain(levels, starts, count, m, bits);
  const plain = finiteHalf(f32x4.div(m, f32x4.splat(-levels)));
  sums(f32x4.div(one, fitted), f32x4.div(one, plain), levels, weighted, true, BOTH);
  const rounded = finiteHalf(f32x4.div(v128.load(SUMS), v128.load(SUMS, 16)));
  const d = v128.bitselect(rounded, plain, f32x4.gt(gainAt(rounded, 0), gainAt(plain, 32)));
  const zero = f32x4.eq(d, f32x4.splat(0));
  setCodes(v128.andnot(f32x4.div(one, d), zero), levels, f32x4.splat(0));
  return half4(d);
}
