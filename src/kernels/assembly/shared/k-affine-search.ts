/**
 * ggml's search for x = scale * code + min, eight groups at a time: lane k of a vector belongs to group k of four,
 * two vectors go side by side. Each lane adds in the order of its own group, so the bits are those of a plain loop.
 * The readable twin is ../../ggml/k-affine-search.ref.ts.
 */

/** Element i of the eight groups: groups 0-3 at X + 32 i, groups 4-7 16 bytes on. */
export const X = memory.data(32 * 32, 16);
/** Weights of the squared errors, in the same places. */
export const W = memory.data(32 * 32, 16);
// Codes of the inverse scale at hand, as floats.
const CODES = memory.data(32 * 32, 16);

/** What the search found, f32 [8] each: x = SCALE * code - MINIMUM. */
export const SCALE = memory.data(32, 16);
export const MINIMUM = memory.data(32, 16);
/** The codes that the search kept are those of INVERSE * (x - FROM). */
export const INVERSE = memory.data(32, 16);
export const FROM = memory.data(32, 16);
/** Sums of the weights. */
export const WEIGHT = memory.data(32, 16);

/** Puts eight groups of `size` floats side by side. */
// @ts-ignore: decorator
@inline export function place(values: usize, size: usize, to: usize): void {
  const b = size << 2;
  for (let half: usize = 0; half < 2; half++, values += b << 2, to += 16) {
    for (let i: usize = 0; i < b; i += 16) {
      const at = values + i;
      const r0 = v128.load(at);
      const r1 = v128.load(at + b);
      const r2 = v128.load(at + 2 * b);
      const r3 = v128.load(at + 3 * b);
      const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
      const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
      const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
      const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
      const out = to + (i << 3);
      v128.store(out, i64x2.shuffle(low01, low23, 0, 2));
      v128.store(out, i64x2.shuffle(low01, low23, 1, 3), 32);
      v128.store(out, i64x2.shuffle(high01, high23, 0, 2), 64);
      v128.store(out, i64x2.shuffle(high01, high23, 1, 3), 96);
    }
  }
}

/** ggml's nearest_int: it adds 1.5 * 2^23 and reads the low bits, whatever the value. */
// @ts-ignore: decorator
@inline export function nearestInt(v: v128): v128 {
  const bits = v128.and(f32x4.add(v, f32x4.splat(12582912)), i32x4.splat(0x7fffff));
  return i32x4.sub(bits, i32x4.splat(0x400000));
}

/** Codes of INVERSE * (x - MIN), 0 .. top, for any float. */
// @ts-ignore: decorator
@inline function anyCode(v: v128, top: v128): v128 {
  return f32x4.pmin(top, f32x4.convert_i32x4_s(i32x4.max_s(i32x4.splat(0), nearestInt(v))));
}

/** The same where |v| < 2^22 and v < top + 1/2. */
// @ts-ignore: decorator
@inline function openCode(v: v128): v128 {
  return f32x4.pmax(f32x4.splat(0), f32x4.nearest(v));
}

// @ts-ignore: decorator
@inline function penalty(difference: v128, absolute: bool): v128 {
  return absolute ? f32x4.abs(difference) : f32x4.mul(difference, difference);
}

/**
 * Where plain rounding gives ggml's codes. The largest value has code ~ levels, none has a larger one unless the fit
 * put the minimum above it; the smallest value goes farthest down.
 */
// @ts-ignore: decorator
@inline function inRange(inverse: v128, low: v128, min: v128): v128 {
  const least = f32x4.mul(inverse, f32x4.sub(low, min));
  return v128.and(f32x4.gt(inverse, f32x4.splat(0)), f32x4.lt(f32x4.abs(least), f32x4.splat(4194303)));
}

/** One of ggml's searches of a group; the inverse scales are (top + first + step * k) / range, k = 0 .. steps. */
export function search(size: usize, top: f32, first: f32, step: f32, steps: i32, absolute: bool): void {
  const end = size << 5;
  const fine = absolute ? searchAbsolute(end, top, first, step, steps) : searchSquared(end, top, first, step, steps);
  if (!fine) searchAny(end, top, first, step, steps, absolute);
}
function searchSquared(end: usize, top: f32, first: f32, step: f32, steps: i32): bool {
  return searchBy(end, top, first, step, steps, false, false);
}
function searchAbsolute(end: usize, top: f32, first: f32, step: f32, steps: i32): bool {
  return searchBy(end, top, first, step, steps, true, false);
}
function searchAny(end: usize, top: f32, first: f32, step: f32, steps: i32, absolute: bool): void {
  searchBy(end, top, first, step, steps, absolute, true);
}

/** @param any false: right only where codes stay in the range of a plain rounding, which the result tells */
// @ts-ignore: decorator
@inline function searchBy(
  end: usize, top: f32, first: f32, step: f32, steps: i32, absolute: bool, any: bool,
): bool {
  const zero = f32x4.splat(0);
  const tops = f32x4.splat(top);
  let lowA = v128.load(X);
  let lowB = v128.load(X, 16);
  let highA = lowA;
  let highB = lowB;
  let sumA = v128.load(W);
  let sumB = v128.load(W, 16);
  let sumXA = f32x4.mul(sumA, lowA);
  let sumXB = f32x4.mul(sumB, lowB);
  for (let i: usize = 32; i < end; i += 32) {
    const a = v128.load(X + i);
    const b = v128.load(X + i, 16);
    const wA = v128.load(W + i);
    const wB = v128.load(W + i, 16);
    lowA = f32x4.pmin(lowA, a);
    lowB = f32x4.pmin(lowB, b);
    highA = f32x4.pmax(highA, a);
    highB = f32x4.pmax(highB, b);
    sumA = f32x4.add(sumA, wA);
    sumB = f32x4.add(sumB, wB);
    sumXA = f32x4.add(sumXA, f32x4.mul(wA, a));
    sumXB = f32x4.add(sumXB, f32x4.mul(wB, b));
  }
  v128.store(WEIGHT, sumA);
  v128.store(WEIGHT, sumB, 16);
  const floorA = v128.andnot(lowA, f32x4.gt(lowA, zero));
  const floorB = v128.andnot(lowB, f32x4.gt(lowB, zero));
  const flatA = f32x4.eq(highA, floorA);
  const flatB = f32x4.eq(highB, floorB);
  let minA = floorA;
  let minB = floorB;
  let fromA = floorA;
  let fromB = floorB;
  let keptA = f32x4.div(tops, f32x4.sub(highA, minA));
  let keptB = f32x4.div(tops, f32x4.sub(highB, minB));
  let scaleA = f32x4.div(f32x4.splat(1), keptA);
  let scaleB = f32x4.div(f32x4.splat(1), keptB);
  let fineA = inRange(keptA, lowA, minA);
  let fineB = inRange(keptB, lowB, minB);
  let bestA = zero;
  let bestB = zero;
  for (let i: usize = 0; i < end; i += 32) {
    const a = v128.load(X + i);
    const b = v128.load(X + i, 16);
    const vA = f32x4.mul(keptA, f32x4.sub(a, minA));
    const vB = f32x4.mul(keptB, f32x4.sub(b, minB));
    const cA = any ? anyCode(vA, tops) : openCode(vA);
    const cB = any ? anyCode(vB, tops) : openCode(vB);
    const eA = penalty(f32x4.sub(f32x4.add(f32x4.mul(scaleA, cA), minA), a), absolute);
    const eB = penalty(f32x4.sub(f32x4.add(f32x4.mul(scaleB, cB), minB), b), absolute);
    bestA = f32x4.add(bestA, f32x4.mul(v128.load(W + i), eA));
    bestB = f32x4.add(bestB, f32x4.mul(v128.load(W + i, 16), eB));
  }
  for (let k = 0; k <= steps; k++) {
    const beyond = first + step * <f32>k;
    const levels = f32x4.splat(beyond + top);
    const inA = f32x4.div(levels, f32x4.sub(highA, minA));
    const inB = f32x4.div(levels, f32x4.sub(highB, minB));
    fineA = v128.and(fineA, inRange(inA, lowA, minA));
    fineB = v128.and(fineB, inRange(inB, lowB, minB));
    let lA = zero;
    let lB = zero;
    let llA = zero;
    let llB = zero;
    let xlA = zero;
    let xlB = zero;
    if (!any && beyond < 0.49) {
      for (let i: usize = 0; i < end; i += 32) {
        const a = v128.load(X + i);
        const cA = openCode(f32x4.mul(inA, f32x4.sub(a, minA)));
        v128.store(CODES + i, cA);
        const wA = f32x4.mul(v128.load(W + i), cA);
        lA = f32x4.add(lA, wA);
        llA = f32x4.add(llA, f32x4.mul(wA, cA));
        xlA = f32x4.add(xlA, f32x4.mul(wA, a));
        const b = v128.load(X + i, 16);
        const cB = openCode(f32x4.mul(inB, f32x4.sub(b, minB)));
        v128.store(CODES + i, cB, 16);
        const wB = f32x4.mul(v128.load(W + i, 16), cB);
        lB = f32x4.add(lB, wB);
        llB = f32x4.add(llB, f32x4.mul(wB, cB));
        xlB = f32x4.add(xlB, f32x4.mul(wB, b));
      }
    } else {
      for (let i: usize = 0; i < end; i += 32) {
        const a = v128.load(X + i);
        const cA = any ? anyCode(f32x4.mul(inA, f32x4.sub(a, minA)), tops) : f32x4.pmin(tops, openCode(f32x4.mul(inA, f32x4.sub(a, minA))));
        v128.store(CODES + i, cA);
        const wA = f32x4.mul(v128.load(W + i), cA);
        lA = f32x4.add(lA, wA);
        llA = f32x4.add(llA, f32x4.mul(wA, cA));
        xlA = f32x4.add(xlA, f32x4.mul(wA, a));
        const b = v128.load(X + i, 16);
        const cB = any ? anyCode(f32x4.mul(inB, f32x4.sub(b, minB)), tops) : f32x4.pmin(tops, openCode(f32x4.mul(inB, f32x4.sub(b, minB))));
        v128.store(CODES + i, cB, 16);
        const wB = f32x4.mul(v128.load(W + i, 16), cB);
        lB = f32x4.add(lB, wB);
        llB = f32x4.add(llB, f32x4.mul(wB, cB));
        xlB = f32x4.add(xlB, f32x4.mul(wB, b));
      }
    }
    const dA = f32x4.sub(f32x4.mul(sumA, llA), f32x4.mul(lA, lA));
    const dB = f32x4.sub(f32x4.mul(sumB, llB), f32x4.mul(lB, lB));
    let sA = f32x4.div(f32x4.sub(f32x4.mul(sumA, xlA), f32x4.mul(sumXA, lA)), dA);
    let sB = f32x4.div(f32x4.sub(f32x4.mul(sumB, xlB), f32x4.mul(sumXB, lB)), dB);
    let mA = f32x4.div(f32x4.sub(f32x4.mul(llA, sumXA), f32x4.mul(lA, xlA)), dA);
    let mB = f32x4.div(f32x4.sub(f32x4.mul(llB, sumXB), f32x4.mul(lB, xlB)), dB);
    const aboveA = f32x4.gt(mA, zero);
    const aboveB = f32x4.gt(mB, zero);
    if (v128.any_true(v128.or(aboveA, aboveB))) {
      sA = v128.bitselect(f32x4.div(xlA, llA), sA, aboveA);
      sB = v128.bitselect(f32x4.div(xlB, llB), sB, aboveB);
      mA = v128.andnot(mA, aboveA);
      mB = v128.andnot(mB, aboveB);
    }
    let errorA = zero;
    let errorB = zero;
    for (let i: usize = 0; i < end; i += 32) {
      const a = f32x4.sub(f32x4.add(f32x4.mul(sA, v128.load(CODES + i)), mA), v128.load(X + i));
      errorA = f32x4.add(errorA, f32x4.mul(v128.load(W + i), penalty(a, absolute)));
      const b = f32x4.sub(f32x4.add(f32x4.mul(sB, v128.load(CODES + i, 16)), mB), v128.load(X + i, 16));
      errorB = f32x4.add(errorB, f32x4.mul(v128.load(W + i, 16), penalty(b, absolute)));
    }
    const takeA = v128.and(f32x4.gt(dA, zero), f32x4.lt(errorA, bestA));
    const takeB = v128.and(f32x4.gt(dB, zero), f32x4.lt(errorB, bestB));
    bestA = v128.bitselect(errorA, bestA, takeA);
    bestB = v128.bitselect(errorB, bestB, takeB);
    keptA = v128.bitselect(inA, keptA, takeA);
    keptB = v128.bitselect(inB, keptB, takeB);
    fromA = v128.bitselect(minA, fromA, takeA);
    fromB = v128.bitselect(minB, fromB, takeB);
    scaleA = v128.bitselect(sA, scaleA, takeA);
    scaleB = v128.bitselect(sB, scaleB, takeB);
    minA = v128.bitselect(mA, minA, takeA);
    minB = v128.bitselect(mB, minB, takeB);
  }
  // A group of one value (and of none below zero) has scale 0 and codes 0.
  v128.store(SCALE, v128.andnot(scaleA, flatA));
  v128.store(SCALE, v128.andnot(scaleB, flatB), 16);
  v128.store(MINIMUM, f32x4.neg(v128.bitselect(floorA, minA, flatA)));
  v128.store(MINIMUM, f32x4.neg(v128.bitselect(floorB, minB, flatB)), 16);
  v128.store(INVERSE, v128.andnot(keptA, flatA));
  v128.store(INVERSE, v128.andnot(keptB, flatB), 16);
  v128.store(FROM, v128.andnot(fromA, flatA));
  v128.store(FROM, v128.andnot(fromB, flatB), 16);
  return i32x4.all_true(v128.and(v128.or(fineA, flatA), v128.or(fineB, flatB)));
}
