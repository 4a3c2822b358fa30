/** What ggml's searches of grid types weigh values by, and how they split signs off. */
import { MAGNITUDES, ROOTS, WEIGHTS } from './grid-group';
import { LANE_VALUES, LANE_WEIGHTS, positiveScales } from './positive-scale';

const COSTS = memory.data(8 << 2, 16);
const UNUSED_SIGNS = memory.data(4, 16);
/** f32 [8], by `findStarts`. */
export const STARTS = memory.data(8 << 2, 16);
const START_TOP: i32 = 4;

/** The sum of 256 squares, from the left. */
export function squaresOf(values: usize): f32 {
  let sum: f32 = 0;
  for (let i: usize = 0; i < 1024; i += 16) {
    const v = v128.load(values + i);
    const s = f32x4.mul(v, v);
    sum += f32x4.extract_lane(s, 0);
    sum += f32x4.extract_lane(s, 1);
    sum += f32x4.extract_lane(s, 2);
    sum += f32x4.extract_lane(s, 3);
  }
  return sum;
}

/** Fills WEIGHTS and ROOTS of a group. `flat`: what is added to x² where there is no importance. */
export function weigh(x: usize, importance: usize, bytes: usize, variance: f32, flat: f32): void {
  const spread = f32x4.splat(variance);
  const added = f32x4.splat(flat);
  for (let i: usize = 0; i < bytes; i += 16) {
    const v = v128.load(x + i);
    const square = f32x4.mul(v, v);
    const w =
      importance != 0
        ? f32x4.mul(v128.load(importance + i), f32x4.sqrt(f32x4.add(spread, square)))
        : f32x4.add(added, square);
    v128.store(WEIGHTS + i, w);
    v128.store(ROOTS + i, f32x4.sqrt(w));
  }
}

/** Fills MAGNITUDES of a group; where an odd number of 8 is minus, the value that weighs least changes its sign. */
export function splitSigns(x: usize, bytes: usize, even: bool, signs: usize): void {
  const zero = f32x4.splat(0);
  const signBit = i32x4.splat(0x80000000);
  for (let i: usize = 0; i < bytes; i += 32, signs++) {
    const a = v128.load(x + i);
    const b = v128.load(x + i, 16);
    const minusA = f32x4.lt(a, zero);
    const minusB = f32x4.lt(b, zero);
    v128.store(MAGNITUDES + i, v128.xor(a, v128.and(minusA, signBit)));
    v128.store(MAGNITUDES + i, v128.xor(b, v128.and(minusB, signBit)), 16);
    let bits = i32x4.bitmask(minusA) | (i32x4.bitmask(minusB) << 4);
    if (even && (popcnt(bits) & 1) != 0) {
      v128.store(COSTS, f32x4.mul(f32x4.mul(v128.load(WEIGHTS + i), a), a));
      v128.store(COSTS, f32x4.mul(f32x4.mul(v128.load(WEIGHTS + i, 16), b), b), 16);
      let least: usize = 0;
      let cost = load<f32>(COSTS);
      for (let k: usize = 1; k < 8; k++) {
        const other = load<f32>(COSTS + (k << 2));
        if (other < cost) {
          cost = other;
          least = k;
        }
      }
      const at = MAGNITUDES + i + (least << 2);
      store<u32>(at, load<u32>(at) ^ 0x80000000);
      bits ^= 1 << <i32>least;
    }
    store<u8>(signs, <u8>bits);
  }
}

/** Fills STARTS, the first scales of 8 groups of 32, four groups at a time; see positive-scale.ts. */
export function findStarts(values: usize, importance: usize, variance: f32, even: bool): void {
  for (let g: usize = 0; g < 8; g++) {
    const from = g << 7;
    weigh(values + from, importance + from, 128, variance, 0);
    splitSigns(values + from, 128, even, UNUSED_SIGNS);
    const lane = (g & 3) << 2;
    for (let i: usize = 0; i < 32; i++) {
      store<f32>(LANE_VALUES + (i << 4) + lane, load<f32>(MAGNITUDES + (i << 2)));
      store<f32>(LANE_WEIGHTS + (i << 4) + lane, load<f32>(WEIGHTS + (i << 2)));
    }
    if ((g & 3) == 3) v128.store(STARTS + ((g & 4) << 2), positiveScales(START_TOP));
  }
}
