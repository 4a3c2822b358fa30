/**
 * How ggml stores the scales and minima of a super-block when importance is given: value = factor * code, weighted
 * by each group's sum of weights. Lane k belongs to super-block k of four; scales and minima go side by side.
 * The readable twin is ../../ggml/k-affine-search.ref.ts.
 */
import { nearestInt } from './k-affine-search';

/** Group i of four super-blocks: scales at VALUES + 32 i, minima 16 bytes on. f32 [16, 2, 4]. */
export const VALUES = memory.data(16 * 32, 16);
/** The groups' sums of weights. f32 [16, 4]. */
export const WEIGHTS = memory.data(16 * 16, 16);
/** What is stored, as float, in the places of VALUES. */
export const STORED = memory.data(16 * 32, 16);
/** The factors of the scales and of the minima. f32 [2, 4]. */
export const FACTORS = memory.data(32, 16);

/** What a C uint8_t keeps of an int. */
// @ts-ignore: decorator
@inline function byte(v: v128): v128 {
  return f32x4.convert_i32x4_s(v128.and(v, i32x4.splat(255)));
}

/** Stores codes 0 .. top of `groups` scales and minima of four super-blocks. */
// @ts-ignore: decorator
@inline export function storeScales(groups: usize, top: f32): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const topInt = i32x4.splat(<i32>top);
  const end = groups << 5;
  let maxS = zero;
  let maxM = zero;
  for (let i: usize = 0; i < end; i += 32) {
    maxS = f32x4.pmax(maxS, v128.load(VALUES + i));
    maxM = f32x4.pmax(maxM, v128.load(VALUES + i, 16));
  }
  let inverseS = f32x4.div(f32x4.splat(top), maxS);
  let inverseM = f32x4.div(f32x4.splat(top), maxM);
  let bestS = zero;
  let bestM = zero;
  for (let k = -5; k <= 4; k++) {
    // The plain inverse comes first; it is not tried again as step 0.
    if (k == 0) continue;
    const plain = k == -5;
    const levels = f32x4.splat(<f32>0.1 * <f32>k + top);
    const tryS = plain ? inverseS : f32x4.div(levels, maxS);
    const tryM = plain ? inverseM : f32x4.div(levels, maxM);
    const scaleS = f32x4.div(one, tryS);
    const scaleM = f32x4.div(one, tryM);
    let errorS = zero;
    let errorM = zero;
    for (let i: usize = 0; i < end; i += 32) {
      const w = v128.load(WEIGHTS + (i >> 1));
      const s = v128.load(VALUES + i);
      const m = v128.load(VALUES + i, 16);
      const intS = nearestInt(f32x4.mul(tryS, s));
      const intM = nearestInt(f32x4.mul(tryM, m));
      const lS = plain ? byte(intS) : f32x4.convert_i32x4_s(i32x4.min_s(topInt, intS));
      const lM = plain ? byte(intM) : f32x4.convert_i32x4_s(i32x4.min_s(topInt, intM));
      const dS = f32x4.sub(s, f32x4.mul(scaleS, lS));
      const dM = f32x4.sub(m, f32x4.mul(scaleM, lM));
      errorS = f32x4.add(errorS, f32x4.mul(f32x4.mul(w, dS), dS));
      errorM = f32x4.add(errorM, f32x4.mul(f32x4.mul(w, dM), dM));
    }
    const takeS = plain ? i32x4.splat(-1) : f32x4.lt(errorS, bestS);
    const takeM = plain ? i32x4.splat(-1) : f32x4.lt(errorM, bestM);
    bestS = v128.bitselect(errorS, bestS, takeS);
    bestM = v128.bitselect(errorM, bestM, takeM);
    inverseS = v128.bitselect(tryS, inverseS, takeS);
    inverseM = v128.bitselect(tryM, inverseM, takeM);
  }
  let xlS = zero;
  let xlM = zero;
  let llS = zero;
  let llM = zero;
  for (let i: usize = 0; i < end; i += 32) {
    const w = v128.load(WEIGHTS + (i >> 1));
    const s = v128.load(VALUES + i);
    const m = v128.load(VALUES + i, 16);
    const intS = i32x4.min_s(topInt, nearestInt(f32x4.mul(inverseS, s)));
    const intM = i32x4.min_s(topInt, nearestInt(f32x4.mul(inverseM, m)));
    v128.store(STORED + i, byte(intS));
    v128.store(STORED + i, byte(intM), 16);
    const lS = f32x4.convert_i32x4_s(intS);
    const lM = f32x4.convert_i32x4_s(intM);
    xlS = f32x4.add(xlS, f32x4.mul(f32x4.mul(w, s), lS));
    xlM = f32x4.add(xlM, f32x4.mul(f32x4.mul(w, m), lM));
    llS = f32x4.add(llS, f32x4.mul(f32x4.mul(w, lS), lS));
    llM = f32x4.add(llM, f32x4.mul(f32x4.mul(w, lM), lM));
  }
  // One code at a time moves to where the least-squares factor of the others wants it. A lane in which nothing moved
  // stays as it is, so it does not matter that others go on.
  for (let round = 0; round < 5; round++) {
    let moved = zero;
    for (let i: usize = 0; i < end; i += 32) {
      const w = v128.load(WEIGHTS + (i >> 1));
      const s = v128.load(VALUES + i);
      const m = v128.load(VALUES + i, 16);
      const oldS = v128.load(STORED + i);
      const oldM = v128.load(STORED + i, 16);
      const wS = f32x4.mul(w, s);
      const wM = f32x4.mul(w, m);
      let xS = f32x4.sub(xlS, f32x4.mul(wS, oldS));
      let xM = f32x4.sub(xlM, f32x4.mul(wM, oldM));
      let lS = f32x4.sub(llS, f32x4.mul(f32x4.mul(w, oldS), oldS));
      let lM = f32x4.sub(llM, f32x4.mul(f32x4.mul(w, oldM), oldM));
      const freeS = v128.and(f32x4.gt(xS, zero), f32x4.gt(lS, zero));
      const freeM = v128.and(f32x4.gt(xM, zero), f32x4.gt(lM, zero));
      const intS = i32x4.min_s(topInt, nearestInt(f32x4.div(f32x4.mul(s, lS), xS)));
      const intM = i32x4.min_s(topInt, nearestInt(f32x4.div(f32x4.mul(m, lM), xM)));
      const newS = f32x4.convert_i32x4_s(intS);
      const newM = f32x4.convert_i32x4_s(intM);
      xS = f32x4.add(xS, f32x4.mul(wS, newS));
      xM = f32x4.add(xM, f32x4.mul(wM, newM));
      lS = f32x4.add(lS, f32x4.mul(f32x4.mul(w, newS), newS));
      lM = f32x4.add(lM, f32x4.mul(f32x4.mul(w, newM), newM));
      const betterS = f32x4.gt(f32x4.mul(f32x4.mul(xS, xS), llS), f32x4.mul(f32x4.mul(xlS, xlS), lS));
      const betterM = f32x4.gt(f32x4.mul(f32x4.mul(xM, xM), llM), f32x4.mul(f32x4.mul(xlM, xlM), lM));
      const takeS = v128.and(v128.and(freeS, f32x4.ne(newS, oldS)), betterS);
      const takeM = v128.and(v128.and(freeM, f32x4.ne(newM, oldM)), betterM);
      v128.store(STORED + i, v128.bitselect(byte(intS), oldS, takeS));
      v128.store(STORED + i, v128.bitselect(byte(intM), oldM, takeM), 16);
      xlS = v128.bitselect(xS, xlS, takeS);
      xlM = v128.bitselect(xM, xlM, takeM);
      llS = v128.bitselect(lS, llS, takeS);
      llM = v128.bitselect(lM, llM, takeM);
      moved = v128.or(moved, v128.or(takeS, takeM));
    }
    if (!v128.any_true(moved)) break;
  }
  // Nothing to store: codes and factor are zero.
  const emptyS = f32x4.lt(maxS, f32x4.splat(1e-15));
  const emptyM = f32x4.lt(maxM, f32x4.splat(1e-15));
  for (let i: usize = 0; i < end; i += 32) {
    v128.store(STORED + i, v128.andnot(v128.load(STORED + i), emptyS));
    v128.store(STORED + i, v128.andnot(v128.load(STORED + i, 16), emptyM), 16);
  }
  const factorS = v128.and(f32x4.div(xlS, llS), f32x4.gt(llS, zero));
  const factorM = v128.and(f32x4.div(xlM, llM), f32x4.gt(llM, zero));
  v128.store(FACTORS, v128.andnot(factorS, emptyS));
  v128.store(FACTORS, v128.andnot(factorM, emptyM), 16);
}
