/**
 * Best search of Q2_K, Q4_K and Q5_K, second part: d, dmin and their multiples as they are stored, and the codes.
 * The readable twin is ../../ggml/k-affine-fit.ref.ts: the same float32 operations in the same order.
 */
import { halfBits, halfValue } from './half';
import { CODES, MINIMA, SCALES } from './k-affine-blocks';
import {
  codeOf, INVERSE_W, inverseOf, MEAN, MEAN_CODE, MINIMUM, NOISE, SCALE, SPREAD, SUM_W, SUM_X, SUMS, sumsPlain, sumsWeighted,
} from './k-affine-group';
import { W, X } from './k-affine-search';

// Stored scales and minima as floats.
const SCALE_CODE = memory.data(64, 16);
const MINIMUM_CODE = memory.data(64, 16);
// Sums of the groups that the least-squares d and dmin are made of.
const AA = memory.data(64, 16);
const AQ = memory.data(64, 16);
const AX = memory.data(64, 16);
// Losses of candidates for d or dmin: f32 [20].
const LOSS = memory.data(80, 16);
// What a loop over elements is given: vectors of groups 0-3, then 4-7.
const GIVEN = memory.data(6 * 16, 16);

/** 1 / v, of zero zero. */
// @ts-ignore: decorator
@inline function inverseOf1(v: f32): f32 {
  return v > 0 ? 1 / v : 0;
}

/** Bits of the nearest float16 that is finite, of what is not below zero. */
// @ts-ignore: decorator
@inline function finiteHalf(v: f32): u32 {
  return halfBits(v < 65504 ? v : 65504);
}

/** The nearest float16s that are finite, as values, of what is not below zero. */
// @ts-ignore: decorator
@inline function finiteHalf4(v: v128): v128 {
  const x = f32x4.pmin(f32x4.splat(65504), v);
  const odd = v128.and(i32x4.shr_u(x, 13), i32x4.splat(1));
  const normal = v128.and(i32x4.add(i32x4.add(x, odd), i32x4.splat(0x0fff)), i32x4.splat(~0x1fff));
  // The last place of a subnormal one is that of a float32 between 1/2 and 1.
  const half = f32x4.splat(0.5);
  const subnormal = f32x4.sub(f32x4.add(x, half), half);
  return v128.bitselect(subnormal, normal, f32x4.lt(x, f32x4.splat(reinterpret<f32>(0x38800000))));
}

/** d or dmin as float16 bits: the best of 20 near largest / top. values, weights: f32 [groups]. */
// @ts-ignore: decorator
@inline function chooseFactor(values: usize, weights: usize, groups: usize, scaleTop: f32, levelStep: f32): u32 {
  let largest: f32 = 0;
  for (let i: usize = 0; i < groups; i++) {
    const v = load<f32>(values + (i << 2));
    if (v > largest) largest = v;
  }
  // Four candidates a vector.
  let step = f32x4(-10, -9, -8, -7);
  for (let k: usize = 0; k < 80; k += 16) {
    const levels = f32x4.add(f32x4.splat(scaleTop), f32x4.mul(f32x4.splat(levelStep), step));
    const factors = finiteHalf4(f32x4.div(f32x4.splat(largest), levels));
    const inverse = f32x4.div(levels, f32x4.splat(largest));
    let loss = f32x4.splat(0);
    for (let i: usize = 0; i < groups << 2; i += 4) {
      const v = v128.load32_splat(values + i);
      const error = f32x4.sub(f32x4.mul(codeOf(f32x4.mul(v, inverse), f32x4.splat(scaleTop)), factors), v);
      loss = f32x4.add(loss, f32x4.mul(f32x4.mul(v128.load32_splat(weights + i), error), error));
    }
    v128.store(LOSS + k, loss);
    step = f32x4.add(step, f32x4.splat(4));
  }
  let best: f32 = f32.POSITIVE_INFINITY;
  let levels = scaleTop;
  for (let k: usize = 0; k < 20; k++) {
    const loss = load<f32>(LOSS + (k << 2));
    if (loss < best) {
      best = loss;
      levels = scaleTop + levelStep * (<f32>k - 10);
    }
  }
  return finiteHalf(largest / levels);
}

/** Sums of eight groups under their stored scales and minima, for the least-squares d and dmin. */
// @ts-ignore: decorator
@inline function sumGroups(half: usize, size: usize, top: f32, weighted: bool, d: f32, dmin: f32): void {
  const from = half * (size << 5);
  const at = half << 5;
  const sA = v128.load(SCALE_CODE + at);
  const sB = v128.load(SCALE_CODE + at, 16);
  const qA = v128.load(MINIMUM_CODE + at);
  const qB = v128.load(MINIMUM_CODE + at, 16);
  const mA = f32x4.mul(f32x4.splat(dmin), qA);
  const mB = f32x4.mul(f32x4.splat(dmin), qB);
  const inverseA = inverseOf(f32x4.mul(f32x4.splat(d), sA));
  const inverseB = inverseOf(f32x4.mul(f32x4.splat(d), sB));
  const offsetA = f32x4.mul(mA, inverseA);
  const offsetB = f32x4.mul(mB, inverseB);
  const end = from + (size << 5);
  if (weighted) sumsWeighted(from, end, f32x4.splat(top), inverseA, offsetA, inverseB, offsetB);
  else sumsPlain(from, end, f32x4.splat(top), inverseA, offsetA, inverseB, offsetB);
  const meanA = v128.load(MEAN + at);
  const meanB = v128.load(MEAN + at, 16);
  const lA = v128.load(SUMS);
  const lB = v128.load(SUMS, 16);
  const llA = v128.load(SUMS, 32);
  const llB = v128.load(SUMS, 48);
  const xlA = v128.load(SUMS, 64);
  const xlB = v128.load(SUMS, 80);
  v128.store(MEAN_CODE + at, f32x4.mul(lA, v128.load(INVERSE_W + at)));
  v128.store(MEAN_CODE + at, f32x4.mul(lB, v128.load(INVERSE_W + at, 16)), 16);
  v128.store(AA + at, f32x4.mul(f32x4.mul(sA, sA), llA));
  v128.store(AA + at, f32x4.mul(f32x4.mul(sB, sB), llB), 16);
  v128.store(AQ + at, f32x4.mul(f32x4.mul(sA, qA), lA));
  v128.store(AQ + at, f32x4.mul(f32x4.mul(sB, qB), lB), 16);
  v128.store(AX + at, f32x4.mul(sA, f32x4.add(xlA, f32x4.mul(meanA, lA))));
  v128.store(AX + at, f32x4.mul(sB, f32x4.add(xlB, f32x4.mul(meanB, lB))), 16);
}

/** The best of `count` neighbours of each stored scale and minimum. moves: f32 [count, 2], of the scale, the minimum. */
// @ts-ignore: decorator
@inline function moveGroups(
  half: usize, size: usize, top: f32, scaleTop: f32, weighted: bool, d: f32, dmin: f32, moves: usize, count: usize,
): void {
  const zero = f32x4.splat(0);
  const most = f32x4.splat(scaleTop);
  const tops = f32x4.splat(top);
  const from = half * (size << 5);
  const end = from + (size << 5);
  const at = half << 5;
  const ratio = f32x4.splat(d * inverseOf1(dmin));
  const scale0A = v128.load(SCALE_CODE + at);
  const scale0B = v128.load(SCALE_CODE + at, 16);
  const minimum0A = v128.load(MINIMUM_CODE + at);
  const minimum0B = v128.load(MINIMUM_CODE + at, 16);
  const meanCodeA = v128.load(MEAN_CODE + at);
  const meanCodeB = v128.load(MEAN_CODE + at, 16);
  let bestA = f32x4.splat(f32.POSITIVE_INFINITY);
  let bestB = bestA;
  let keptSA = scale0A;
  let keptSB = scale0B;
  let keptMA = minimum0A;
  let keptMB = minimum0B;
  for (let k: usize = 0; k < count; k++) {
    const stepS = v128.load32_splat(moves + (k << 3));
    const stepM = v128.load32_splat(moves + (k << 3), 4);
    const scaleA = f32x4.pmin(most, f32x4.pmax(zero, f32x4.add(scale0A, stepS)));
    const scaleB = f32x4.pmin(most, f32x4.pmax(zero, f32x4.add(scale0B, stepS)));
    const followA = f32x4.mul(meanCodeA, f32x4.mul(f32x4.sub(scaleA, scale0A), ratio));
    const followB = f32x4.mul(meanCodeB, f32x4.mul(f32x4.sub(scaleB, scale0B), ratio));
    const minimumA = codeOf(f32x4.add(f32x4.add(minimum0A, followA), stepM), most);
    const minimumB = codeOf(f32x4.add(f32x4.add(minimum0B, followB), stepM), most);
    // By way of memory: else the compiler divides anew in the loop.
    v128.store(GIVEN, f32x4.mul(scaleA, f32x4.splat(d)));
    v128.store(GIVEN, f32x4.mul(scaleB, f32x4.splat(d)), 16);
    v128.store(GIVEN, f32x4.mul(minimumA, f32x4.splat(dmin)), 32);
    v128.store(GIVEN, f32x4.mul(minimumB, f32x4.splat(dmin)), 48);
    v128.store(GIVEN, inverseOf(v128.load(GIVEN)), 64);
    v128.store(GIVEN, inverseOf(v128.load(GIVEN, 16)), 80);
    const sA = v128.load(GIVEN);
    const sB = v128.load(GIVEN, 16);
    const mA = v128.load(GIVEN, 32);
    const mB = v128.load(GIVEN, 48);
    const inA = v128.load(GIVEN, 64);
    const inB = v128.load(GIVEN, 80);
    let errorA = zero;
    let errorB = zero;
    for (let i = from; i < end; i += 32) {
      const aboveA = f32x4.add(v128.load(X + i), mA);
      const eA = f32x4.sub(f32x4.mul(sA, codeOf(f32x4.mul(aboveA, inA), tops)), aboveA);
      errorA = f32x4.add(errorA, f32x4.mul(weighted ? f32x4.mul(v128.load(W + i), eA) : eA, eA));
      const aboveB = f32x4.add(v128.load(X + i, 16), mB);
      const eB = f32x4.sub(f32x4.mul(sB, codeOf(f32x4.mul(aboveB, inB), tops)), aboveB);
      errorB = f32x4.add(errorB, f32x4.mul(weighted ? f32x4.mul(v128.load(W + i, 16), eB) : eB, eB));
    }
    const takeA = f32x4.lt(errorA, bestA);
    const takeB = f32x4.lt(errorB, bestB);
    bestA = v128.bitselect(errorA, bestA, takeA);
    bestB = v128.bitselect(errorB, bestB, takeB);
    keptSA = v128.bitselect(scaleA, keptSA, takeA);
    keptSB = v128.bitselect(scaleB, keptSB, takeB);
    keptMA = v128.bitselect(minimumA, keptMA, takeA);
    keptMB = v128.bitselect(minimumB, keptMB, takeB);
  }
  v128.store(SCALE_CODE + at, keptSA);
  v128.store(SCALE_CODE + at, keptSB, 16);
  v128.store(MINIMUM_CODE + at, keptMA);
  v128.store(MINIMUM_CODE + at, keptMB, 16);
}

/** d and dmin of the last `storeParameters`, as float16 bits. */
export let halfD: u32 = 0;
export let halfMin: u32 = 0;

/** From the fit of all groups to SCALES, MINIMA, d and dmin. */
// @ts-ignore: decorator
@inline export function storeParameters(
  groups: usize, size: usize, top: f32, scaleTop: f32, weighted: bool, levelStep: f32, moves: usize, count: usize,
): void {
  let bitsD = chooseFactor(SCALE, SPREAD, groups, scaleTop, levelStep);
  let d = halfValue(bitsD);
  const inverseD = f32x4.splat(inverseOf1(d));
  const end = groups << 2;
  for (let i: usize = 0; i < end; i += 16) {
    const s = v128.load(SCALE + i);
    const code = codeOf(f32x4.mul(s, inverseD), f32x4.splat(scaleTop));
    v128.store(SCALE_CODE + i, code);
    // A rounded scale wants a minimum that leaves the mean where it was.
    const change = f32x4.sub(f32x4.mul(code, f32x4.splat(d)), s);
    const wanted = f32x4.add(v128.load(MINIMUM + i), f32x4.mul(v128.load(MEAN_CODE + i), change));
    v128.store(MINIMUM + i, f32x4.pmax(f32x4.splat(0), wanted));
  }
  let bitsMin = chooseFactor(MINIMUM, SUM_W, groups, scaleTop, levelStep);
  let dmin = halfValue(bitsMin);
  const inverseMin = f32x4.splat(inverseOf1(dmin));
  for (let i: usize = 0; i < end; i += 16) {
    v128.store(MINIMUM_CODE + i, codeOf(f32x4.mul(v128.load(MINIMUM + i), inverseMin), f32x4.splat(scaleTop)));
  }

  for (let half: usize = 0; half < groups >> 3; half++) sumGroups(half, size, top, weighted, d, dmin);
  let aa: f32 = 0;
  let aq: f32 = 0;
  let qq: f32 = 0;
  let ax: f32 = 0;
  let qx: f32 = 0;
  for (let i: usize = 0; i < end; i += 4) {
    const q = load<f32>(MINIMUM_CODE + i);
    aa += load<f32>(AA + i);
    aq += load<f32>(AQ + i);
    qq += q * q * load<f32>(SUM_W + i);
    ax += load<f32>(AX + i);
    qx += q * load<f32>(SUM_X + i);
  }
  const both = aa * qq;
  const determinant = both - aq * aq;
  const fittedD = (qq * ax - aq * qx) / determinant;
  const fittedMin = (aq * ax - aa * qx) / determinant;
  if (determinant > NOISE * both && fittedD > 0 && fittedMin > 0) {
    bitsD = finiteHalf(fittedD);
    bitsMin = finiteHalf(fittedMin);
    d = halfValue(bitsD);
    dmin = halfValue(bitsMin);
  }
  halfD = bitsD;
  halfMin = bitsMin;

  for (let half: usize = 0; half < groups >> 3; half++) {
    moveGroups(half, size, top, scaleTop, weighted, d, dmin, moves, count);
  }
  for (let g: usize = 0; g < groups; g++) {
    store<u8>(SCALES + g, <u8>load<f32>(SCALE_CODE + (g << 2)));
    store<u8>(MINIMA + g, <u8>load<f32>(MINIMUM_CODE + (g << 2)));
  }
}

// @ts-ignore: decorator
@inline function nearestCodes(at: usize, minimum: v128, inverse: v128, top: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(codeOf(f32x4.mul(f32x4.add(v128.load(at), minimum), inverse), top));
}

/** The nearest codes of a super-block under SCALES and MINIMA. values: f32 [256]. */
// @ts-ignore: decorator
@inline export function roundCodes(values: usize, size: usize, top: f32, d: f32, dmin: f32): void {
  const tops = f32x4.splat(top);
  for (let at: usize = 0, group: usize = 0; at < 256; at += size, group++) {
    const inverse = f32x4.splat(inverseOf1(d * <f32>load<u8>(SCALES + group)));
    const m = f32x4.splat(dmin * <f32>load<u8>(MINIMA + group));
    for (let i = at; i < at + size; i += 16) {
      const x = values + (i << 2);
      const ab = i16x8.narrow_i32x4_s(nearestCodes(x, m, inverse, tops), nearestCodes(x + 16, m, inverse, tops));
      const cd = i16x8.narrow_i32x4_s(nearestCodes(x + 32, m, inverse, tops), nearestCodes(x + 48, m, inverse, tops));
      v128.store(CODES + i, i8x16.narrow_i16x8_u(ab, cd));
    }
  }
}
