/**
 * ggml's search of one scale, x = scale * l with l in -levels .. levels - 1, for 16 values in each of four lanes,
 * four such groups at a time. The readable twin is ../../ggml/scale-search.ref.ts.
 */

import { CODES, nearestInt, STORED } from './k-scale-bytes';
import { extremes } from './sub-blocks';

/** Bytes of a group of vectors, v128 [16]. */
// @ts-ignore: decorator
@inline export const GROUP: usize = 256;

/** Values, weights and weights times values: v128 [4, 16] each. */
export const X: usize = memory.data(4096, 64);
// @ts-ignore: decorator
@inline export const W: usize = 1024;
// @ts-ignore: decorator
@inline export const WX: usize = 2048;

/** The inverse scales that are tried times the extreme: the plain one, then those of steps -9 .. 9. */
// @ts-ignore: decorator
@inline const TRIES: usize = 19;
const STARTS: usize = memory.data(80, 16);
// V8 moves what depends on no memory into the loop that uses it: constants and quotients are read from memory instead.
const INVERSES: usize = memory.data(19 * 16, 16);
const LIMITS: usize = memory.data(32, 16);

/** For each group and try: sum of w x l, later the least-squares scale, and sum of w l^2. */
const SUMS: usize = memory.data(4 * 1024, 64);
/** By group: extremes, scales, the tries that were kept; v128 [4] each. */
const EXTREMES: usize = memory.data(64, 16);
export const SCALES: usize = memory.data(64, 16);
const KEPT: usize = memory.data(64, 16);

/** What follows is searched with these levels. */
export function setLevels(levels: f32): void {
  v128.store(LIMITS, f32x4.splat(-levels));
  v128.store(LIMITS, f32x4.splat(levels - 1), 16);
  for (let i = 0; i < <i32>TRIES; i++) {
    const step: f32 = i == 0 ? 0 : i < 10 ? <f32>(i - 10) : <f32>(i - 9);
    store<f32>(STARTS + (<usize>i << 2), -(levels + <f32>0.1 * step));
  }
}

// Where the extreme lands decides which ends of the range can be passed: none, the upper one, both.
// @ts-ignore: decorator
@inline const NONE: i32 = 0;
// @ts-ignore: decorator
@inline const UPPER: i32 = 1;
// @ts-ignore: decorator
@inline const BOTH: i32 = 2;

// @ts-ignore: decorator
@inline function levelOf(x: v128, inverse: v128, low: v128, top: v128, ends: i32): v128 {
  let l = f32x4.nearest(f32x4.mul(x, inverse));
  if (ends >= UPPER) l = f32x4.pmin(top, l);
  if (ends == BOTH) l = f32x4.pmax(low, l);
  return l;
}

/** The sums of tries i and j; at: the group's vectors; to: its part of SUMS. */
// @ts-ignore: decorator
@inline function sums(at: usize, i: usize, j: usize, to: usize, ends: i32): void {
  const a = v128.load(INVERSES + (i << 4));
  const b = v128.load(INVERSES + (j << 4));
  const low = v128.load(LIMITS);
  const top = v128.load(LIMITS, 16);
  let xlA = f32x4.splat(0);
  let llA = xlA;
  let xlB = xlA;
  let llB = xlA;
  for (const end = at + GROUP; at < end; at += 16) {
    const x = v128.load(at);
    const w = v128.load(at, W);
    const wx = v128.load(at, WX);
    const lA = levelOf(x, a, low, top, ends);
    xlA = f32x4.add(xlA, f32x4.mul(wx, lA));
    llA = f32x4.add(llA, f32x4.mul(f32x4.mul(w, lA), lA));
    const lB = levelOf(x, b, low, top, ends);
    xlB = f32x4.add(xlB, f32x4.mul(wx, lB));
    llB = f32x4.add(llB, f32x4.mul(f32x4.mul(w, lB), lB));
  }
  v128.store(to + (i << 5), xlA);
  v128.store(to + (i << 5), llA, 16);
  v128.store(to + (j << 5), xlB);
  v128.store(to + (j << 5), llB, 16);
}

function sumsNone(at: usize, i: usize, j: usize, to: usize): void {
  sums(at, i, j, to, NONE);
}
function sumsUpper(at: usize, i: usize, j: usize, to: usize): void {
  sums(at, i, j, to, UPPER);
}
function sumsBoth(at: usize, i: usize, j: usize, to: usize): void {
  sums(at, i, j, to, BOTH);
}

/** The sums of a try without a partner. */
function sumsLast(at: usize, i: usize, to: usize): void {
  const inverse = v128.load(INVERSES + (i << 4));
  const low = v128.load(LIMITS);
  const top = v128.load(LIMITS, 16);
  let xl = f32x4.splat(0);
  let ll = xl;
  for (const end = at + GROUP; at < end; at += 16) {
    const l = levelOf(v128.load(at), inverse, low, top, BOTH);
    xl = f32x4.add(xl, f32x4.mul(v128.load(at, WX), l));
    ll = f32x4.add(ll, f32x4.mul(f32x4.mul(v128.load(at, W), l), l));
  }
  v128.store(to + (i << 5), xl);
  v128.store(to + (i << 5), ll, 16);
}

/** The sums of all tries of one of the four groups. */
export function tryScales(group: usize): void {
  const at = X + group * GROUP;
  const to = SUMS + (group << 10);
  const m = extremes(at, GROUP);
  v128.store(EXTREMES + (group << 4), m);
  for (let i: usize = 0; i < TRIES; i++) {
    v128.store(INVERSES + (i << 4), f32x4.div(v128.load32_splat(STARTS + (i << 2)), m));
  }
  // Steps up to -6 keep the extreme within, steps up to 4 keep it from passing -levels.
  for (let i: usize = 1; i < 5; i += 2) sumsNone(at, i, i + 1, to);
  sumsUpper(at, 0, 5, to);
  for (let i: usize = 6; i < 14; i += 2) sumsUpper(at, i, i + 1, to);
  for (let i: usize = 14; i < 18; i += 2) sumsBoth(at, i, i + 1, to);
  sumsLast(at, 18, to);
}

// One try of one group, as an expression of what was best: kept tries and gains.
// @ts-ignore: decorator
@inline function better(sum: usize, best: v128): v128 {
  const xl = v128.load(sum);
  const ll = v128.load(sum, 16);
  return v128.and(f32x4.gt(ll, f32x4.splat(0)), f32x4.gt(f32x4.mul(xl, xl), f32x4.mul(best, ll)));
}

/** The least-squares scale takes the place of the sum it is made of; returns what it takes away from w x^2. */
// @ts-ignore: decorator
@inline function gain(sum: usize): v128 {
  const xl = v128.load(sum);
  const quotient = f32x4.div(xl, v128.load(sum, 16));
  v128.store(sum, quotient);
  return f32x4.mul(quotient, xl);
}

/** The gain of the plain scale, which is 0 where its sums are. */
// @ts-ignore: decorator
@inline function firstGain(sum: usize): v128 {
  const xl = v128.load(sum);
  const ll = v128.load(sum, 16);
  const scale = v128.and(f32x4.div(xl, ll), f32x4.ne(ll, f32x4.splat(0)));
  v128.store(sum, scale);
  return f32x4.mul(scale, xl);
}

// @ts-ignore: decorator
@inline function take(group: usize, kept: v128): void {
  const sum = SUMS + (group << 10);
  const to = group << 4;
  const tiny = f32x4.lt(f32x4.abs(v128.load(EXTREMES + to)), f32x4.splat(1e-15));
  v128.store(KEPT + to, v128.or(kept, tiny));
  for (let lane: usize = 0; lane < 16; lane += 4) {
    const i = load<i32>(KEPT + to + lane);
    store<f32>(SCALES + to + lane, i < 0 ? 0 : load<f32>(sum + (<usize>i << 5) + lane));
  }
}

/**
 * Chooses in the order of ggml, four groups side by side. SCALES gets the scales that take away most of w x^2: 0 where
 * all values are below 1e-15.
 */
export function chooseScales(): void {
  let best0 = firstGain(SUMS);
  let best1 = firstGain(SUMS + 1024);
  let best2 = firstGain(SUMS + 2048);
  let best3 = firstGain(SUMS + 3072);
  let kept0 = i32x4.splat(0);
  let kept1 = kept0;
  let kept2 = kept0;
  let kept3 = kept0;
  for (let i: usize = 1; i < TRIES; i++) {
    const sum = SUMS + (i << 5);
    const index = i32x4.splat(<i32>i);
    const is0 = better(sum, best0);
    const is1 = better(sum + 1024, best1);
    const is2 = better(sum + 2048, best2);
    const is3 = better(sum + 3072, best3);
    best0 = v128.bitselect(gain(sum), best0, is0);
    best1 = v128.bitselect(gain(sum + 1024), best1, is1);
    best2 = v128.bitselect(gain(sum + 2048), best2, is2);
    best3 = v128.bitselect(gain(sum + 3072), best3, is3);
    kept0 = i32x4.max_s(kept0, v128.and(index, is0));
    kept1 = i32x4.max_s(kept1, v128.and(index, is1));
    kept2 = i32x4.max_s(kept2, v128.and(index, is2));
    kept3 = i32x4.max_s(kept3, v128.and(index, is3));
  }
  take(0, kept0);
  take(1, kept1);
  take(2, kept2);
  take(3, kept3);
}

/** The one of largest magnitude of the f32 [16] at SCALES, the first of several. */
export function largestScale(): f32 {
  let low = f32x4.splat(0);
  let high = low;
  for (let i: usize = 0; i < 64; i += 16) {
    low = f32x4.pmin(low, v128.load(SCALES + i));
    high = f32x4.pmax(high, v128.load(SCALES + i));
  }
  // Lanes 0 and 1: the most negative, lanes 2 and 3: the most positive, as magnitudes.
  const minus = f32x4.neg(low);
  const far = f32x4.pmax(i32x4.shuffle(minus, high, 0, 1, 4, 5), i32x4.shuffle(minus, high, 2, 3, 6, 7));
  const negative = max<f32>(f32x4.extract_lane(far, 0), f32x4.extract_lane(far, 1));
  const positive = max<f32>(f32x4.extract_lane(far, 2), f32x4.extract_lane(far, 3));
  if (negative != positive) return negative > positive ? -negative : positive;
  let largest: f32 = 0;
  for (let i: usize = 0; i < 64; i += 4) {
    const scale = load<f32>(SCALES + i);
    if (abs<f32>(scale) > abs<f32>(largest)) largest = scale;
  }
  return largest;
}

/** l + levels of 16 values of one lane at the inverse scale that was kept; 0 where all are below 1e-15. */
// @ts-ignore: decorator
@inline function laneCodes(x: usize, apart: usize, lane: usize, levels: i32, to: usize): void {
  const i = load<i32>(KEPT + (lane << 2));
  const inverse: f32 = i < 0 ? 0 : load<f32>(STARTS + (<usize>i << 2)) / load<f32>(EXTREMES + (lane << 2));
  for (let k: usize = 0; k < 16; k++, x += apart) {
    const l = max<i32>(-levels, min<i32>(levels - 1, nearestInt(load<f32>(x) * inverse)));
    store<u8>(to + k, i < 0 ? 0 : l + levels);
  }
}

/**
 * CODES of the sub-blocks whose stored scale is zero: what the search had. x: f32 [256], whose groups were searched
 * last.
 */
export function searchedCodes(x: usize, levels: i32): void {
  for (let j: usize = 0; j < 16; j++) {
    if (load<f32>(STORED + (j << 2)) == 0) laneCodes(x + (j << 6), 4, j, levels, CODES + (j << 4));
  }
}

/** u8 [16]: l + levels of one lane of the first group. */
export function firstGroupCodes(lane: usize, levels: i32, to: usize): void {
  laneCodes(X + (lane << 2), 16, lane, levels, to);
}
