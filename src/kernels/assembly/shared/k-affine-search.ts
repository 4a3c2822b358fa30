/**
 * ggml's search for x = scale * code + min, eight groups at a time: lane k of a vector belongs to group k of four,
 * two vectors go side by side. Each lane adds in the order of its own group, so the bits are those of a plain loop.
 * The readable twin is ../../ggml/k-affine-search.ref.ts.
 */

/** Element i of the eight groups: groups 0-3 at X + 32 i, groups 4-7 16 bytes on. */
export const X = memory.data(32 * 32, 16);
/** Weights of the squared errors, in the same places. */
export const W = memory.data(32 * 32, 16);
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

/** The code of a value that was divided by the scale, 0 .. top, as float. */
// @ts-ignore: decorator
@inline function code(v: v128, top: f32, any: bool): v128 {
  if (any) {
    const l = i32x4.max_s(i32x4.splat(0), i32x4.min_s(i32x4.splat(<i32>top), nearestInt(v)));
    return f32x4.convert_i32x4_s(l);
  }
  return f32x4.pmin(f32x4.splat(top), f32x4.pmax(f32x4.splat(0), f32x4.nearest(v)));
}

// @ts-ignore: decorator
@inline function penalty(difference: v128, absolute: bool): v128 {
  return absolute ? f32x4.abs(difference) : f32x4.mul(difference, difference);
}

/**
 * One search over `steps` + 1 inverse scales (top + first + step * k) / range.
 * @param any false: right only where |x - min| / scale stays below 2^22, which the result tells; true: always
 */
// @ts-ignore: decorator
@inline export function search(
  size: usize, top: f32, first: f32, step: f32, steps: i32, absolute: bool, any: bool,
): bool {
  const zero = f32x4.splat(0);
  const end = size << 5;
  let a = v128.load(X);
  let b = v128.load(X, 16);
  let wA = v128.load(W);
  let wB = v128.load(W, 16);
  let lowA = a;
  let lowB = b;
  let highA = a;
  let highB = b;
  let sumA = wA;
  let sumB = wB;
  let sumXA = f32x4.mul(wA, a);
  let sumXB = f32x4.mul(wB, b);
  for (let i: usize = 32; i < end; i += 32) {
    a = v128.load(X + i);
    b = v128.load(X + i, 16);
    wA = v128.load(W + i);
    wB = v128.load(W + i, 16);
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
  let minA = v128.andnot(lowA, f32x4.gt(lowA, zero));
  let minB = v128.andnot(lowB, f32x4.gt(lowB, zero));
  const flatA = f32x4.eq(highA, minA);
  const flatB = f32x4.eq(highB, minB);
  let inverseA = f32x4.div(f32x4.splat(top), f32x4.sub(highA, minA));
  let inverseB = f32x4.div(f32x4.splat(top), f32x4.sub(highB, minB));
  let scaleA = f32x4.div(f32x4.splat(1), inverseA);
  let scaleB = f32x4.div(f32x4.splat(1), inverseB);
  let keptA = inverseA;
  let keptB = inverseB;
  let fromA = minA;
  let fromB = minB;
  // Whether a code left the range of a plain rounding. The smallest value goes farthest: the largest has code ~ top.
  const limit = f32x4.splat(4194303);
  let fineA = v128.or(flatA, f32x4.lt(f32x4.abs(f32x4.mul(inverseA, f32x4.sub(lowA, minA))), limit));
  let fineB = v128.or(flatB, f32x4.lt(f32x4.abs(f32x4.mul(inverseB, f32x4.sub(lowB, minB))), limit));
  let bestA = zero;
  let bestB = zero;
  for (let i: usize = 0; i < end; i += 32) {
    a = v128.load(X + i);
    b = v128.load(X + i, 16);
    const lA = code(f32x4.mul(inverseA, f32x4.sub(a, minA)), top, any);
    const lB = code(f32x4.mul(inverseB, f32x4.sub(b, minB)), top, any);
    const eA = penalty(f32x4.sub(f32x4.add(f32x4.mul(scaleA, lA), minA), a), absolute);
    const eB = penalty(f32x4.sub(f32x4.add(f32x4.mul(scaleB, lB), minB), b), absolute);
    bestA = f32x4.add(bestA, f32x4.mul(v128.load(W + i), eA));
    bestB = f32x4.add(bestB, f32x4.mul(v128.load(W + i, 16), eB));
  }
  for (let k = 0; k <= steps; k++) {
    const levels = f32x4.splat(first + step * <f32>k + top);
    inverseA = f32x4.div(levels, f32x4.sub(highA, minA));
    inverseB = f32x4.div(levels, f32x4.sub(highB, minB));
    if (!any) {
      fineA = v128.and(fineA, v128.or(flatA, f32x4.lt(f32x4.abs(f32x4.mul(inverseA, f32x4.sub(lowA, minA))), limit)));
      fineB = v128.and(fineB, v128.or(flatB, f32x4.lt(f32x4.abs(f32x4.mul(inverseB, f32x4.sub(lowB, minB))), limit)));
    }
    let lA = zero;
    let lB = zero;
    let llA = zero;
    let llB = zero;
    let xlA = zero;
    let xlB = zero;
    for (let i: usize = 0; i < end; i += 32) {
      a = v128.load(X + i);
      const cA = code(f32x4.mul(inverseA, f32x4.sub(a, minA)), top, any);
      v128.store(CODES + i, cA);
      wA = f32x4.mul(v128.load(W + i), cA);
      lA = f32x4.add(lA, wA);
      llA = f32x4.add(llA, f32x4.mul(wA, cA));
      xlA = f32x4.add(xlA, f32x4.mul(wA, a));
      b = v128.load(X + i, 16);
      const cB = code(f32x4.mul(inverseB, f32x4.sub(b, minB)), top, any);
      v128.store(CODES + i, cB, 16);
      wB = f32x4.mul(v128.load(W + i, 16), cB);
      lB = f32x4.add(lB, wB);
      llB = f32x4.add(llB, f32x4.mul(wB, cB));
      xlB = f32x4.add(xlB, f32x4.mul(wB, b));
    }
    const dA = f32x4.sub(f32x4.mul(sumA, llA), f32x4.mul(lA, lA));
    const dB = f32x4.sub(f32x4.mul(sumB, llB), f32x4.mul(lB, lB));
    let sA = f32x4.div(f32x4.sub(f32x4.mul(sumA, xlA), f32x4.mul(sumXA, lA)), dA);
    let sB = f32x4.div(f32x4.sub(f32x4.mul(sumB, xlB), f32x4.mul(sumXB, lB)), dB);
    let mA = f32x4.div(f32x4.sub(f32x4.mul(llA, sumXA), f32x4.mul(lA, xlA)), dA);
    let mB = f32x4.div(f32x4.sub(f32x4.mul(llB, sumXB), f32x4.mul(lB, xlB)), dB);
    const aboveA = f32x4.gt(mA, zero);
    const aboveB = f32x4.gt(mB, zero);
    sA = v128.bitselect(f32x4.div(xlA, llA), sA, aboveA);
    sB = v128.bitselect(f32x4.div(xlB, llB), sB, aboveB);
    mA = v128.andnot(mA, aboveA);
    mB = v128.andnot(mB, aboveB);
    let errorA = zero;
    let errorB = zero;
    for (let i: usize = 0; i < end; i += 32) {
      const eA = penalty(
        f32x4.sub(f32x4.add(f32x4.mul(sA, v128.load(CODES + i)), mA), v128.load(X + i)), absolute,
      );
      errorA = f32x4.add(errorA, f32x4.mul(v128.load(W + i), eA));
      const eB = penalty(
        f32x4.sub(f32x4.add(f32x4.mul(sB, v128.load(CODES + i, 16)), mB), v128.load(X + i, 16)), absolute,
      );
      errorB = f32x4.add(errorB, f32x4.mul(v128.load(W + i, 16), eB));
    }
    const takeA = v128.and(f32x4.gt(dA, zero), f32x4.lt(errorA, bestA));
    const takeB = v128.and(f32x4.gt(dB, zero), f32x4.lt(errorB, bestB));
    bestA = v128.bitselect(errorA, bestA, takeA);
    bestB = v128.bitselect(errorB, bestB, takeB);
    keptA = v128.bitselect(inverseA, keptA, takeA);
    keptB = v128.bitselect(inverseB, keptB, takeB);
    fromA = v128.bitselect(minA, fromA, takeA);
    fromB = v128.bitselect(minB, fromB, takeB);
    scaleA = v128.bitselect(sA, scaleA, takeA);
    scaleB = v128.bitselect(sB, scaleB, takeB);
    minA = v128.bitselect(mA, minA, takeA);
    minB = v128.bitselect(mB, minB, takeB);
  }
  // A group of one value (and of none below zero) has scale 0 and codes 0.
  const floorA = v128.andnot(lowA, f32x4.gt(lowA, zero));
  const floorB = v128.andnot(lowB, f32x4.gt(lowB, zero));
  v128.store(SCALE, v128.andnot(scaleA, flatA));
  v128.store(SCALE, v128.andnot(scaleB, flatB), 16);
  v128.store(MINIMUM, f32x4.neg(v128.bitselect(floorA, minA, flatA)));
  v128.store(MINIMUM, f32x4.neg(v128.bitselect(floorB, minB, flatB)), 16);
  v128.store(INVERSE, v128.andnot(keptA, flatA));
  v128.store(INVERSE, v128.andnot(keptB, flatB), 16);
  v128.store(FROM, v128.andnot(fromA, flatA));
  v128.store(FROM, v128.andnot(fromB, flatB), 16);
  return any || i32x4.all_true(v128.and(fineA, fineB));
}
