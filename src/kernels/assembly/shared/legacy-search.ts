/** Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 by search: blocks are put into lanes, and their codes into bytes. */
import { half4 } from './half';
import { FROM, INVERSE, MINIMUM, nearestInt, SCALE, search, W as W8, X as X8 } from './k-affine-search';
import { gather, meanSquares } from './lanes';
import { bestAffine, minimaFound } from './legacy-affine';
import { CODES, packLanes, packSigned, store16Lanes } from './legacy-packing';
import { bestScale, searchedScale, setImportance, setSearchWeights, X } from './legacy-scale';

// Starts of the best searches: ../../ggml/legacy-scale.ref.ts.
const STARTS4 = memory.data<f32>([-8, -7.375, -7.6875, -8.5, -8.9375, -9.4375, 7, 6.375, 6.6875, 7.5, 7.9375, 8.4375]);
const STARTS5 = memory.data<f32>([
  -16, -15.375, -15.6875, -16.5, -16.9375, -17.4375, 15, 14.375, 14.6875, 15.5, 15.9375, 16.4375,
]);
const WEIGHTED4 = memory.data<f32>([
  -8, -7.25, -7.5, -7.75, -8.25, -8.5, -8.75, -9.125, -9.5, -10, -10.75, -11.625,
  7, 6.25, 6.5, 6.75, 7.25, 7.5, 7.75, 8.125, 8.5, 9, 9.75, 10.625,
]);
const WEIGHTED5 = memory.data<f32>([
  -16, -15.25, -15.5, -15.75, -16.25, -16.5, -16.75, -17.125, -17.5, -18, -18.75, -19.625,
  15, 14.25, 14.5, 14.75, 15.25, 15.5, 15.75, 16.125, 16.5, 17, 17.75, 18.625,
]);
const STARTS8 = memory.data<f32>([-128, -127.5, -127, -126.5, -126, -125.5, -125, -124.5]);

// One function for each type and kind of search, so that levels and weights are constants inside.
function searchedScale4(): v128 {
  return searchedScale(8);
}
function searchedScale5(): v128 {
  return searchedScale(16);
}
function bestScale4(): v128 {
  return bestScale(8, STARTS4, 12, 11, false);
}
function bestScale5(): v128 {
  return bestScale(16, STARTS5, 12, 11, false);
}
function bestScale8(): v128 {
  return bestScale(128, STARTS8, 8, 13, false);
}
function bestAffine4(): v128 {
  return bestAffine(15, 11, false);
}
function bestAffine5(): v128 {
  return bestAffine(31, 12, false);
}
function weightedScale4(): v128 {
  return bestScale(8, WEIGHTED4, 24, 11, true);
}
function weightedScale5(): v128 {
  return bestScale(16, WEIGHTED5, 24, 11, true);
}
function weightedScale8(): v128 {
  return bestScale(128, STARTS8, 6, 13, true);
}
function weightedAffine4(): v128 {
  return bestAffine(15, 11, true);
}
function weightedAffine5(): v128 {
  return bestAffine(31, 12, true);
}
/** Blocks of four rows at a time; without importance nothing belongs to a row, and every block is one. */
// @ts-ignore: decorator
@inline function searchFour(
  bits: i32,
  affine: bool,
  values: usize,
  bytes: usize,
  rows: i32,
  length: i32,
  importance: usize,
  best: bool,
): void {
  const header: usize = affine ? 4 : 2;
  const blockBytes: usize = header + (<usize>bits << 2);
  if (!importance) {
    rows *= length >> 5;
    length = 32;
  }
  const blocks = <usize>length >> 5;
  for (let row = 0; row < rows; row += 4) {
    const left = rows - row - 1;
    const b = <usize>min<i32>(1, left) * blocks;
    const c = <usize>min<i32>(2, left) * blocks;
    const d = <usize>min<i32>(3, left) * blocks;
    let x = values + (<usize>row * blocks << 7);
    let to = bytes + <usize>row * blocks * blockBytes;
    let mean = f32x4.splat(0);
    if (!best) mean = meanSquares(x, x + (b << 7), x + (c << 7), x + (d << 7), length);
    for (let block: usize = 0; block < blocks; block++, x += 128, to += blockBytes) {
      gather(x, x + (b << 7), x + (c << 7), x + (d << 7), 32, X, 16);
      let scale: v128;
      if (!best) {
        setSearchWeights(importance + (block << 7), mean);
        scale = bits == 4 ? searchedScale4() : searchedScale5();
      } else if (importance) {
        setImportance(importance + (block << 7));
        if (affine) scale = bits == 4 ? weightedAffine4() : weightedAffine5();
        else scale = bits == 4 ? weightedScale4() : bits == 5 ? weightedScale5() : weightedScale8();
      } else {
        if (affine) scale = bits == 4 ? bestAffine4() : bestAffine5();
        else scale = bits == 4 ? bestScale4() : bits == 5 ? bestScale5() : bestScale8();
      }
      const toB = to + b * blockBytes;
      const toC = to + c * blockBytes;
      const toD = to + d * blockBytes;
      store16Lanes(scale, to, toB, toC, toD);
      if (affine) store16Lanes(minimaFound(), to + 2, toB + 2, toC + 2, toD + 2);
      if (bits == 8) packSigned(to + header, toB + header, toC + header, toD + header);
      else packLanes(bits == 5, to + header, toB + header, toC + header, toD + header);
    }
  }
}

/** ggml's search of Q4_1 and Q5_1 with importance: blocks of eight rows at a time. */
// @ts-ignore: decorator
@inline function searchEight(bits: i32, values: usize, bytes: usize, rows: i32, length: i32, importance: usize): void {
  const blockBytes: usize = 4 + (<usize>bits << 2);
  const blocks = <usize>length >> 5;
  for (let row = 0; row < rows; row += 8) {
    let mean0 = f32x4.splat(0);
    let mean1 = mean0;
    for (let block: usize = 0; block < blocks; block++) {
      for (let half: usize = 0; half < 2; half++) {
        const first = row + 4 * <i32>half;
        const a = lane(values, first, rows, blocks << 7);
        const b = lane(values, first + 1, rows, blocks << 7);
        const c = lane(values, first + 2, rows, blocks << 7);
        const d = lane(values, first + 3, rows, blocks << 7);
        if (block == 0) {
          const mean = meanSquares(a, b, c, d, length);
          if (half) mean1 = mean;
          else mean0 = mean;
        }
        const at = block << 7;
        gather(a + at, b + at, c + at, d + at, 32, X8 + (half << 4), 32);
        const mean = half ? mean1 : mean0;
        for (let i: usize = 0; i < 128; i += 4) {
          const x = v128.load(X8 + (half << 4) + (i << 3));
          const root = f32x4.sqrt(f32x4.add(mean, f32x4.mul(x, x)));
          v128.store(W8 + (half << 4) + (i << 3), f32x4.mul(v128.load32_splat(importance + at + i), root));
        }
      }
      search(32, bits == 4 ? 15 : 31, -0.9, 0.05, 36, false);
      for (let half: usize = 0; half < 2; half++) {
        const inverse = v128.load(INVERSE + (half << 4));
        const from = v128.load(FROM + (half << 4));
        const top = i32x4.splat(bits == 4 ? 15 : 31);
        for (let i: usize = 0; i < 512; i += 16) {
          const x = v128.load(X8 + (half << 4) + (i << 1));
          const code = nearestInt(f32x4.mul(inverse, f32x4.sub(x, from)));
          v128.store(CODES + i, i32x4.max_s(i32x4.splat(0), i32x4.min_s(top, code)));
        }
        const first = row + 4 * <i32>half;
        const at = bytes + block * blockBytes;
        const a = lane(at, first, rows, blocks * blockBytes);
        const b = lane(at, first + 1, rows, blocks * blockBytes);
        const c = lane(at, first + 2, rows, blocks * blockBytes);
        const d = lane(at, first + 3, rows, blocks * blockBytes);
        store16Lanes(half4(v128.load(SCALE + (half << 4))), a, b, c, d);
        store16Lanes(half4(f32x4.neg(v128.load(MINIMUM + (half << 4)))), a + 2, b + 2, c + 2, d + 2);
        packLanes(bits == 5, a + 4, b + 4, c + 4, d + 4);
      }
    }
  }
}

/** Where a row is; the last one stands in for those that are missing. */
// @ts-ignore: decorator
@inline function lane(from: usize, row: i32, rows: i32, stride: usize): usize {
  return from + <usize>min<i32>(row, rows - 1) * stride;
}

/** Arguments as those of the encoders. */
export function searchScales4(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  if (best) searchFour(4, false, values, bytes, rows, length, importance, true);
  else searchFour(4, false, values, bytes, rows, length, importance, false);
}

export function searchScales5(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  if (best) searchFour(5, false, values, bytes, rows, length, importance, true);
  else searchFour(5, false, values, bytes, rows, length, importance, false);
}

export function searchScales8(values: usize, bytes: usize, rows: i32, length: i32, importance: usize): void {
  searchFour(8, false, values, bytes, rows, length, importance, true);
}

export function searchAffine4(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  if (best) searchFour(4, true, values, bytes, rows, length, importance, true);
  else searchEight(4, values, bytes, rows, length, importance);
}

export function searchAffine5(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  if (best) searchFour(5, true, values, bytes, rows, length, importance, true);
  else searchEight(5, values, bytes, rows, length, importance);
}
