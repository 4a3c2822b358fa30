/**
 * x = d * l for few levels: the best search of TQ1_0, TQ2_0 and Q2_0, four blocks in lanes.
 * The readable twin is ../../ggml/level-search.ref.ts.
 */
import { half4, unhalf4 } from './half';

/** Vectors of the elements, at most 256; weights. */
export const X = memory.data(256 * 16, 16);
export const W = memory.data(256 * 16, 16);
/** What was found: the scales, their inverses, and the scales as float16 bits; f32, f32, u32 [4]. */
export const SCALE = memory.data(3 * 16, 16);
export const INVERSE = SCALE + 16;
export const SCALE_BITS = SCALE + 32;

/** Weights are the importance of the block's columns, f32 [count]; false when none is above zero. */
export function setWeights(importance: usize, count: usize): bool {
  let largest = f32x4.splat(0);
  for (let i: usize = 0; i < count << 2; i += 16) {
    const w = v128.load(importance + i);
    largest = f32x4.pmax(largest, w);
    for (let k: usize = 0; k < 16; k += 4) v128.store(W + ((i + k) << 2), v128.load32_splat(importance + i + k));
  }
  return v128.any_true(largest);
}

// @ts-ignore: decorator
@inline function extremes(end: usize): v128 {
  let value = f32x4.splat(0);
  let largest = value;
  for (let i: usize = 0; i < end; i += 16) {
    const x = v128.load(X + i);
    const magnitude = f32x4.abs(x);
    value = v128.bitselect(x, value, f32x4.gt(magnitude, largest));
    largest = f32x4.pmax(largest, magnitude);
  }
  return value;
}

// @ts-ignore: decorator
@inline function level(x: v128, inverse: v128, low: f32, top: f32): v128 {
  // pmin keeps its first argument when the second is NaN.
  return f32x4.nearest(f32x4.pmax(f32x4.splat(low), f32x4.pmin(f32x4.splat(top), f32x4.mul(x, inverse))));
}

// Sums of w x l and w l^2 at the two inverse scales of the last call of `sums`.
const SUMS = memory.data(4 * 16, 16);

// @ts-ignore: decorator
@inline function sums(a: v128, b: v128, low: f32, top: f32, end: usize, weighted: bool): void {
  let xlA = f32x4.splat(0);
  let llA = xlA;
  let xlB = xlA;
  let llB = xlA;
  for (let i: usize = 0; i < end; i += 16) {
    const x = v128.load(X + i);
    const lA = level(x, a, low, top);
    const lB = level(x, b, low, top);
    const wlA = weighted ? f32x4.mul(v128.load(W + i), lA) : lA;
    const wlB = weighted ? f32x4.mul(v128.load(W + i), lB) : lB;
    xlA = f32x4.add(xlA, f32x4.mul(x, wlA));
    xlB = f32x4.add(xlB, f32x4.mul(x, wlB));
    llA = f32x4.add(llA, f32x4.mul(wlA, lA));
    llB = f32x4.add(llB, f32x4.mul(wlB, lB));
  }
  v128.store(SUMS, xlA);
  v128.store(SUMS, llA, 16);
  v128.store(SUMS, xlB, 32);
  v128.store(SUMS, llB, 48);
}

// Between the steps: the least-squares scale that takes away most, and how much.
let fitted: v128 = i32x4.splat(0);
let gained: v128 = i32x4.splat(0);

// @ts-ignore: decorator
@inline function consider(sum: usize): void {
  const xl = v128.load(SUMS + sum);
  const scale = f32x4.div(xl, v128.load(SUMS + sum, 16));
  const gain = f32x4.mul(scale, xl);
  const take = f32x4.gt(gain, gained);
  fitted = v128.bitselect(scale, fitted, take);
  gained = v128.bitselect(gain, gained, take);
}

// @ts-ignore: decorator
@inline function gainAt(d: v128, sum: usize): v128 {
  const xl = v128.load(SUMS + sum);
  return f32x4.mul(d, f32x4.sub(f32x4.add(xl, xl), f32x4.mul(d, v128.load(SUMS + sum, 16))));
}

/** The nearest float16 that is finite, as its value. */
// @ts-ignore: decorator
@inline function finiteHalf(v: v128): v128 {
  return unhalf4(half4(f32x4.pmax(f32x4.splat(-65504), f32x4.pmin(f32x4.splat(65504), v))));
}

/** Searches the scales of four blocks of `length` from `starts`, f32 [count], count even. */
// @ts-ignore: decorator
@inline export function bestLevels(
  low: f32, top: f32, length: usize, starts: usize, count: usize, weighted: bool,
): void {
  const end = length << 4;
  const one = f32x4.splat(1);
  const m = extremes(end);
  fitted = f32x4.splat(0);
  gained = f32x4.splat(0);
  for (let i: usize = 0; i < count << 2; i += 8) {
    const a = f32x4.div(v128.load32_splat(starts + i), m);
    const b = f32x4.div(v128.load32_splat(starts + i, 4), m);
    sums(a, b, low, top, end, weighted);
    consider(0);
    consider(32);
  }
  for (let step = 0; step < 3; step++) {
    const inverse = f32x4.div(one, fitted);
    sums(inverse, inverse, low, top, end, weighted);
    consider(0);
  }
  const rounded = finiteHalf(fitted);
  const plain = finiteHalf(f32x4.abs(m));
  sums(f32x4.div(one, rounded), f32x4.div(one, plain), low, top, end, weighted);
  const d = v128.bitselect(rounded, plain, f32x4.gt(gainAt(rounded, 0), gainAt(plain, 32)));
  v128.store(SCALE, d);
  v128.store(INVERSE, v128.andnot(f32x4.div(one, d), f32x4.eq(d, f32x4.splat(0))));
  v128.store(SCALE_BITS, half4(d));
}

/** Codes l - low of f32 [16] as bytes. */
// @ts-ignore: decorator
@inline export function levelCodes(x: usize, inverse: v128, low: f32, top: f32): v128 {
  const a = levelCode(x, inverse, low, top);
  const b = levelCode(x + 16, inverse, low, top);
  const c = levelCode(x + 32, inverse, low, top);
  const d = levelCode(x + 48, inverse, low, top);
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

// @ts-ignore: decorator
@inline function levelCode(x: usize, inverse: v128, low: f32, top: f32): v128 {
  // The low bits of a float that is 2^23 more than a whole number are that number.
  const code = f32x4.add(level(v128.load(x), inverse, low, top), f32x4.splat(8388608 - low));
  return i32x4.sub(code, i32x4.splat(0x4b000000));
}

/** ggml's codes roundf(x * inverse) + 1 of f32 [16] as bytes; nothing is beyond +-1. */
// @ts-ignore: decorator
@inline export function signCodes(x: usize, inverse: v128): v128 {
  const a = signOf(x, inverse);
  const b = signOf(x + 16, inverse);
  const c = signOf(x + 32, inverse);
  const d = signOf(x + 48, inverse);
  const signs = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
  return i8x16.add(signs, i8x16.splat(1));
}

// @ts-ignore: decorator
@inline function signOf(x: usize, inverse: v128): v128 {
  const v = f32x4.mul(v128.load(x), inverse);
  return i32x4.sub(f32x4.le(v, f32x4.splat(-0.5)), f32x4.ge(v, f32x4.splat(0.5)));
}
