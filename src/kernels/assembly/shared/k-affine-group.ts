/**
 * Best search of Q2_K, Q4_K and Q5_K, first part: the continuous fit of each group, eight at a time, one a lane; groups
 * 8-15 of Q2_K lie behind the first eight. The readable twin is ../../ggml/k-affine-group.ref.ts: the same float32
 * operations in the same order.
 */
import { W, X } from './k-affine-search';

/** w * (x - mean), in the places of X. */
const CENTRED = memory.data(32 * 32, 16);

// What the fit knows of the groups: f32 [16] each.
/** Sums of the weights, and one over them. */
export const SUM_W = memory.data(64, 16);
export const INVERSE_W = memory.data(64, 16);
/** Sums of w x, and their quotients. */
export const SUM_X = memory.data(64, 16);
export const MEAN = memory.data(64, 16);
/** x = SCALE * code - MINIMUM before they are stored. */
export const SCALE = memory.data(64, 16);
export const MINIMUM = memory.data(64, 16);
/** Mean and weighted squared deviations of the codes. */
export const MEAN_CODE = memory.data(64, 16);
export const SPREAD = memory.data(64, 16);

/** A variance below this part of its plain sum is rounding noise. */
export const NOISE: f32 = 1e-5;

/** The nearest code of 0 .. top of a value that was divided by its scale. */
// @ts-ignore: decorator
@inline export function codeOf(v: v128, top: v128): v128 {
  return f32x4.nearest(f32x4.pmin(top, f32x4.pmax(f32x4.splat(0), v)));
}

/** 1 / v, of zero zero. */
// @ts-ignore: decorator
@inline export function inverseOf(v: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), v), f32x4.gt(v, f32x4.splat(0)));
}

/** What a pass sums: vectors of groups 0-3, then 4-7. */
export const SUMS = memory.data(6 * 16, 16);

/**
 * Sums of w l, w l^2, w (x - mean) l over the codes of x * inverse + offset, into SUMS. In a function of its own the
 * loop has registers enough.
 */
// @ts-ignore: decorator
@inline function sums(
  from: usize, end: usize, weighted: bool, tops: v128, inA: v128, offsetA: v128, inB: v128, offsetB: v128,
): void {
  const zero = f32x4.splat(0);
  let lA = zero;
  let lB = zero;
  let llA = zero;
  let llB = zero;
  let xlA = zero;
  let xlB = zero;
  for (let i = from; i < end; i += 32) {
    const cA = codeOf(f32x4.add(f32x4.mul(v128.load(X + i), inA), offsetA), tops);
    const wA = weighted ? f32x4.mul(v128.load(W + i), cA) : cA;
    lA = f32x4.add(lA, wA);
    llA = f32x4.add(llA, f32x4.mul(wA, cA));
    xlA = f32x4.add(xlA, f32x4.mul(v128.load(CENTRED + i), cA));
    const cB = codeOf(f32x4.add(f32x4.mul(v128.load(X + i, 16), inB), offsetB), tops);
    const wB = weighted ? f32x4.mul(v128.load(W + i, 16), cB) : cB;
    lB = f32x4.add(lB, wB);
    llB = f32x4.add(llB, f32x4.mul(wB, cB));
    xlB = f32x4.add(xlB, f32x4.mul(v128.load(CENTRED + i, 16), cB));
  }
  v128.store(SUMS, lA);
  v128.store(SUMS, lB, 16);
  v128.store(SUMS, llA, 32);
  v128.store(SUMS, llB, 48);
  v128.store(SUMS, xlA, 64);
  v128.store(SUMS, xlB, 80);
}
export function sumsPlain(from: usize, end: usize, tops: v128, inA: v128, offsetA: v128, inB: v128, offsetB: v128): void {
  sums(from, end, false, tops, inA, offsetA, inB, offsetB);
}
export function sumsWeighted(from: usize, end: usize, tops: v128, inA: v128, offsetA: v128, inB: v128, offsetB: v128): void {
  sums(from, end, true, tops, inA, offsetA, inB, offsetB);
}

/** The fit of eight groups from `count` starts: f32 [count, 2], levels and shift. */
// @ts-ignore: decorator
@inline export function fitGroups(half: usize, size: usize, top: f32, weighted: bool, starts: usize, count: usize): void {
  const zero = f32x4.splat(0);
  const from = half * (size << 5);
  const end = from + (size << 5);
  const at = half << 5;
  let lowA = zero;
  let lowB = zero;
  let highA = v128.load(X + from);
  let highB = v128.load(X + from, 16);
  let sumA = weighted ? zero : f32x4.splat(<f32>size);
  let sumB = sumA;
  let sumXA = zero;
  let sumXB = zero;
  for (let i = from; i < end; i += 32) {
    const a = v128.load(X + i);
    const b = v128.load(X + i, 16);
    lowA = f32x4.pmin(lowA, a);
    lowB = f32x4.pmin(lowB, b);
    highA = f32x4.pmax(highA, a);
    highB = f32x4.pmax(highB, b);
    if (weighted) {
      const wA = v128.load(W + i);
      const wB = v128.load(W + i, 16);
      sumA = f32x4.add(sumA, wA);
      sumB = f32x4.add(sumB, wB);
      sumXA = f32x4.add(sumXA, f32x4.mul(wA, a));
      sumXB = f32x4.add(sumXB, f32x4.mul(wB, b));
    } else {
      sumXA = f32x4.add(sumXA, a);
      sumXB = f32x4.add(sumXB, b);
    }
  }
  const perA = inverseOf(sumA);
  const perB = inverseOf(sumB);
  const meanA = f32x4.mul(sumXA, perA);
  const meanB = f32x4.mul(sumXB, perB);
  for (let i = from; i < end; i += 32) {
    const a = f32x4.sub(v128.load(X + i), meanA);
    const b = f32x4.sub(v128.load(X + i, 16), meanB);
    v128.store(CENTRED + i, weighted ? f32x4.mul(v128.load(W + i), a) : a);
    v128.store(CENTRED + i, weighted ? f32x4.mul(v128.load(W + i, 16), b) : b, 16);
  }
  const rangeA = f32x4.sub(highA, lowA);
  const rangeB = f32x4.sub(highB, lowB);
  let scaleA = f32x4.div(rangeA, f32x4.splat(top));
  let scaleB = f32x4.div(rangeB, f32x4.splat(top));
  let minimumA = f32x4.neg(lowA);
  let minimumB = f32x4.neg(lowB);
  let meanCodeA = zero;
  let meanCodeB = zero;
  let spreadA = zero;
  let spreadB = zero;
  let bestA = f32x4.splat(f32.NEGATIVE_INFINITY);
  let bestB = bestA;
  for (let k: usize = 0; k <= count; k++) {
    let lA = zero;
    let lB = zero;
    let llA = zero;
    let llB = zero;
    let xlA = zero;
    let xlB = zero;
    if (k < count) {
      const levels = v128.load32_splat(starts + (k << 3));
      const shift = v128.load32_splat(starts + (k << 3), 4);
      const inA = f32x4.div(levels, rangeA);
      const inB = f32x4.div(levels, rangeB);
      const offsetA = f32x4.sub(f32x4.neg(f32x4.mul(lowA, inA)), shift);
      const offsetB = f32x4.sub(f32x4.neg(f32x4.mul(lowB, inB)), shift);
      for (let i = from; i < end; i += 32) {
        // No code of a start leaves 0 .. top.
        const cA = f32x4.nearest(f32x4.add(f32x4.mul(v128.load(X + i), inA), offsetA));
        const wA = weighted ? f32x4.mul(v128.load(W + i), cA) : cA;
        lA = f32x4.add(lA, wA);
        llA = f32x4.add(llA, f32x4.mul(wA, cA));
        xlA = f32x4.add(xlA, f32x4.mul(v128.load(CENTRED + i), cA));
        const cB = f32x4.nearest(f32x4.add(f32x4.mul(v128.load(X + i, 16), inB), offsetB));
        const wB = weighted ? f32x4.mul(v128.load(W + i, 16), cB) : cB;
        lB = f32x4.add(lB, wB);
        llB = f32x4.add(llB, f32x4.mul(wB, cB));
        xlB = f32x4.add(xlB, f32x4.mul(v128.load(CENTRED + i, 16), cB));
      }
    } else {
      const inA = f32x4.div(f32x4.splat(1), scaleA);
      const inB = f32x4.div(f32x4.splat(1), scaleB);
      const offsetA = f32x4.mul(minimumA, inA);
      const offsetB = f32x4.mul(minimumB, inB);
      if (weighted) sumsWeighted(from, end, f32x4.splat(top), inA, offsetA, inB, offsetB);
      else sumsPlain(from, end, f32x4.splat(top), inA, offsetA, inB, offsetB);
      lA = v128.load(SUMS);
      lB = v128.load(SUMS, 16);
      llA = v128.load(SUMS, 32);
      llB = v128.load(SUMS, 48);
      xlA = v128.load(SUMS, 64);
      xlB = v128.load(SUMS, 80);
    }
    const noise = f32x4.splat(NOISE);
    const mcA = f32x4.mul(lA, perA);
    const mcB = f32x4.mul(lB, perB);
    const spA = f32x4.sub(llA, f32x4.mul(lA, mcA));
    const spB = f32x4.sub(llB, f32x4.mul(lB, mcB));
    let sA = f32x4.div(xlA, spA);
    let sB = f32x4.div(xlB, spB);
    let mA = f32x4.sub(f32x4.mul(sA, mcA), meanA);
    let mB = f32x4.sub(f32x4.mul(sB, mcB), meanB);
    let gainA = f32x4.mul(sA, xlA);
    let gainB = f32x4.mul(sB, xlB);
    const freeA = v128.and(f32x4.gt(mA, zero), f32x4.gt(spA, f32x4.mul(noise, llA)));
    const freeB = v128.and(f32x4.gt(mB, zero), f32x4.gt(spB, f32x4.mul(noise, llB)));
    if (!i32x4.all_true(v128.and(freeA, freeB))) {
      const plainA = f32x4.add(xlA, f32x4.mul(meanA, lA));
      const plainB = f32x4.add(xlB, f32x4.mul(meanB, lB));
      const boundA = f32x4.div(plainA, llA);
      const boundB = f32x4.div(plainB, llB);
      sA = v128.bitselect(sA, boundA, freeA);
      sB = v128.bitselect(sB, boundB, freeB);
      mA = v128.and(mA, freeA);
      mB = v128.and(mB, freeB);
      const boundGainA = f32x4.sub(f32x4.mul(boundA, plainA), f32x4.mul(meanA, sumXA));
      const boundGainB = f32x4.sub(f32x4.mul(boundB, plainB), f32x4.mul(meanB, sumXB));
      gainA = v128.bitselect(gainA, boundGainA, freeA);
      gainB = v128.bitselect(gainB, boundGainB, freeB);
    }
    const takeA = v128.and(f32x4.gt(sA, zero), f32x4.gt(gainA, bestA));
    const takeB = v128.and(f32x4.gt(sB, zero), f32x4.gt(gainB, bestB));
    bestA = v128.bitselect(gainA, bestA, takeA);
    bestB = v128.bitselect(gainB, bestB, takeB);
    scaleA = v128.bitselect(sA, scaleA, takeA);
    scaleB = v128.bitselect(sB, scaleB, takeB);
    minimumA = v128.bitselect(mA, minimumA, takeA);
    minimumB = v128.bitselect(mB, minimumB, takeB);
    meanCodeA = v128.bitselect(mcA, meanCodeA, takeA);
    meanCodeB = v128.bitselect(mcB, meanCodeB, takeB);
    spreadA = v128.bitselect(spA, spreadA, takeA);
    spreadB = v128.bitselect(spB, spreadB, takeB);
  }
  v128.store(SUM_W + at, sumA);
  v128.store(SUM_W + at, sumB, 16);
  v128.store(INVERSE_W + at, perA);
  v128.store(INVERSE_W + at, perB, 16);
  v128.store(SUM_X + at, sumXA);
  v128.store(SUM_X + at, sumXB, 16);
  v128.store(MEAN + at, meanA);
  v128.store(MEAN + at, meanB, 16);
  v128.store(SCALE + at, scaleA);
  v128.store(SCALE + at, scaleB, 16);
  v128.store(MINIMUM + at, minimumA);
  v128.store(MINIMUM + at, minimumB, 16);
  v128.store(MEAN_CODE + at, meanCodeA);
  v128.store(MEAN_CODE + at, meanCodeB, 16);
  v128.store(SPREAD + at, spreadA);
  v128.store(SPREAD + at, spreadB, 16);
}
