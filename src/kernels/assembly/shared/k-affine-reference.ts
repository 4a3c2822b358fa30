/**
 * ggml's reference search of Q2_K, Q4_K and Q5_K, block by block; `top` (3, 15, 31) tells them apart and is constant
 * where these are inlined. The readable twin is ../../ggml/k-affine-twin.ref.ts.
 */
import { halfBits, halfValue } from './half';
import {
  chooseCodes, FROMS, INVERSES, MINIMA, packCodes, packScales4, packScales6, SCALES, unpackScales6, unpackScales4,
} from './k-affine-blocks';
import { FACTORS, STORED, storeScales, VALUES, WEIGHTS } from './k-affine-scales';
import { FROM, INVERSE, MINIMUM, nearestInt, place, SCALE, search, W, WEIGHT, X } from './k-affine-search';

// What the searches of up to four super-blocks kept: f32 [4, 16].
const KEPT_INVERSES = memory.data(4 * 64, 16);
const KEPT_FROMS = memory.data(4 * 64, 16);

/** ggml's weights without importance: |x|, and of the types with groups of 32 the group's rms + |x|. */
// @ts-ignore: decorator
@inline function weighPlain(size: usize): void {
  let rmsA = f32x4.splat(0);
  let rmsB = rmsA;
  if (size == 32) {
    for (let i: usize = 0; i < 1024; i += 32) {
      const a = v128.load(X + i);
      const b = v128.load(X + i, 16);
      rmsA = f32x4.add(rmsA, f32x4.mul(a, a));
      rmsB = f32x4.add(rmsB, f32x4.mul(b, b));
    }
    rmsA = f32x4.sqrt(f32x4.div(rmsA, f32x4.splat(32)));
    rmsB = f32x4.sqrt(f32x4.div(rmsB, f32x4.splat(32)));
  }
  for (let i: usize = 0; i < size << 5; i += 32) {
    v128.store(W + i, f32x4.add(rmsA, f32x4.abs(v128.load(X + i))));
    v128.store(W + i, f32x4.add(rmsB, f32x4.abs(v128.load(X + i, 16))), 16);
  }
}

/** ggml's weights with importance, which is in W: importance * sqrt(variance + x^2). */
// @ts-ignore: decorator
@inline function weighImportance(size: usize, variance: f32): void {
  const v = f32x4.splat(variance);
  for (let i: usize = 0; i < size << 5; i += 16) {
    const x = v128.load(X + i);
    v128.store(W + i, f32x4.mul(v128.load(W + i), f32x4.sqrt(f32x4.add(v, f32x4.mul(x, x)))));
  }
}

/** Sums of the squares of four super-blocks, each from the left; missing ones repeat the last. values: f32 [left, 256]. */
// @ts-ignore: decorator
@inline function sumsOfSquares(values: usize, left: i32): v128 {
  const b = values + (<usize>min<i32>(1, left - 1) << 10);
  const c = values + (<usize>min<i32>(2, left - 1) << 10);
  const d = values + (<usize>min<i32>(3, left - 1) << 10);
  let sum = f32x4.splat(0);
  for (let i: usize = 0; i < 1024; i += 16) {
    let r0 = v128.load(values + i);
    let r1 = v128.load(b + i);
    let r2 = v128.load(c + i);
    let r3 = v128.load(d + i);
    r0 = f32x4.mul(r0, r0);
    r1 = f32x4.mul(r1, r1);
    r2 = f32x4.mul(r2, r2);
    r3 = f32x4.mul(r3, r3);
    const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
    const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
    const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
    const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
    sum = f32x4.add(sum, i64x2.shuffle(low01, low23, 0, 2));
    sum = f32x4.add(sum, i64x2.shuffle(low01, low23, 1, 3));
    sum = f32x4.add(sum, i64x2.shuffle(high01, high23, 0, 2));
    sum = f32x4.add(sum, i64x2.shuffle(high01, high23, 1, 3));
  }
  return sum;
}

/** Codes and bytes of one super-block whose SCALES and MINIMA are chosen. */
// @ts-ignore: decorator
@inline function finish(values: usize, bytes: usize, top: i32, halfD: u32, halfMin: u32): void {
  const halves = bytes + (top == 3 ? 80 : 0);
  store<u16>(halves, <u16>halfD);
  store<u16>(halves, <u16>halfMin, 2);
  // Codes follow from what was stored, also where it does not fit.
  if (top == 3) {
    packScales4(bytes);
    unpackScales4(bytes);
  } else {
    packScales6(bytes + 4);
    unpackScales6(bytes + 4);
  }
  chooseCodes(values, top == 3 ? 16 : 32, top, halfValue(halfD), halfValue(halfMin));
  packCodes(bytes, top);
}

/** Eight groups of f32 values at `from` as bytes 0 .. 255 of nearest_int(value * inverse), at most `top`. */
// @ts-ignore: decorator
@inline function bytesOf(from: usize, inverse: f32, limit: i32): v128 {
  const mask = i32x4.splat(255);
  const top = i32x4.splat(limit);
  const by = f32x4.splat(inverse);
  const a = i32x4.min_s(top, v128.and(mask, nearestInt(f32x4.mul(by, v128.load(from)))));
  const b = i32x4.min_s(top, v128.and(mask, nearestInt(f32x4.mul(by, v128.load(from, 16)))));
  const c = i16x8.narrow_i32x4_s(a, b);
  return i8x16.narrow_i16x8_u(c, c);
}

// Scales and minima of a super-block before they are stored: f32 [16] each.
const GROUP_SCALES = memory.data(64, 16);
const GROUP_MINIMA = memory.data(64, 16);

// @ts-ignore: decorator
@inline function largest(from: usize, groups: usize): f32 {
  let most: f32 = 0;
  for (let i: usize = 0; i < groups; i++) {
    const v = load<f32>(from + (i << 2));
    if (v > most) most = v;
  }
  return most;
}

/** ggml's reference search without importance: stored scales are those of the largest. */
// @ts-ignore: decorator
@inline export function encodePlain(values: usize, bytes: usize, blocks: i32, blockBytes: usize, top: i32): void {
  const size: usize = top == 3 ? 16 : 32;
  const groups: usize = top == 3 ? 16 : 8;
  const scaleTop: f32 = top == 3 ? 15 : 63;
  // Q2_K keeps all bits of a byte in place of a limit.
  const limit = top == 3 ? 255 : 63;
  for (let block = 0; block < blocks; block++, values += 1024, bytes += blockBytes) {
    for (let g: usize = 0; g < groups; g += 8) {
      place(values + g * (size << 2), size, X);
      weighPlain(size);
      if (top == 3) search(16, 3, -0.5, 0.1, 15, true);
      else if (top == 15) search(32, 15, -1, 0.1, 20, false);
      else search(32, 31, -0.5, 0.1, 15, false);
      for (let i: usize = 0; i < 32; i += 16) {
        const to = (g << 2) + i;
        v128.store(GROUP_SCALES + to, v128.load(SCALE + i));
        v128.store(GROUP_MINIMA + to, v128.load(MINIMUM + i));
        v128.store(INVERSES + to, v128.load(INVERSE + i));
        v128.store(FROMS + to, v128.load(FROM + i));
      }
    }
    const maxScale = largest(GROUP_SCALES, groups);
    const maxMin = largest(GROUP_MINIMA, groups);
    const inverseScale: f32 = maxScale > 0 ? scaleTop / maxScale : 0;
    const inverseMin: f32 = maxMin > 0 ? scaleTop / maxMin : 0;
    for (let g: usize = 0; g < groups; g += 8) {
      v128.store64_lane(SCALES + g, bytesOf(GROUP_SCALES + (g << 2), inverseScale, limit), 0);
      v128.store64_lane(MINIMA + g, bytesOf(GROUP_MINIMA + (g << 2), inverseMin, limit), 0);
    }
    finish(values, bytes, top, halfBits(maxScale / scaleTop), halfBits(maxMin / scaleTop));
  }
}

/** ggml's search with importance, four super-blocks at a time: their scales are stored side by side. */
// @ts-ignore: decorator
@inline export function encodeWeighted(
  values: usize, bytes: usize, blocks: i32, blockBytes: usize, top: i32, importance: usize, length: i32,
): void {
  const size: usize = top == 3 ? 16 : 32;
  const groups: usize = top == 3 ? 16 : 8;
  const rowBytes = <usize>length << 2;
  let column: usize = 0;
  for (let done = 0; done < blocks; done += 4) {
    const some = min<i32>(4, blocks - done);
    const squares = sumsOfSquares(values, some);
    for (let b: i32 = 0; b < some; b++) {
      const x = values + (<usize>b << 10);
      const sum = b == 0 ? f32x4.extract_lane(squares, 0) : b == 1 ? f32x4.extract_lane(squares, 1)
        : b == 2 ? f32x4.extract_lane(squares, 2) : f32x4.extract_lane(squares, 3);
      const variance: f32 = top == 3 ? sum / 256 : (2 * sum) / 256;
      for (let g: usize = 0; g < groups; g += 8) {
        place(x + g * (size << 2), size, X);
        place(importance + column + g * (size << 2), size, W);
        weighImportance(size, variance);
        search(size, <f32>top, -0.9, 0.05, 36, false);
        for (let i: usize = 0; i < 8; i++) {
          const lane = <usize>b << 2;
          const group = (g + i) << 5;
          store<f32>(VALUES + group + lane, load<f32>(SCALE + (i << 2)));
          store<f32>(VALUES + group + lane, load<f32>(MINIMUM + (i << 2)), 16);
          store<f32>(WEIGHTS + (group >> 1) + lane, load<f32>(WEIGHT + (i << 2)));
        }
        for (let i: usize = 0; i < 32; i += 16) {
          const to = (<usize>b << 6) + (g << 2) + i;
          v128.store(KEPT_INVERSES + to, v128.load(INVERSE + i));
          v128.store(KEPT_FROMS + to, v128.load(FROM + i));
        }
      }
      column += 1024;
      if (column == rowBytes) column = 0;
    }
    if (top == 3) storeScales4();
    else storeScales6();
    for (let b: usize = 0; b < <usize>some; b++, values += 1024, bytes += blockBytes) {
      memory.copy(INVERSES, KEPT_INVERSES + (b << 6), 64);
      memory.copy(FROMS, KEPT_FROMS + (b << 6), 64);
      for (let g: usize = 0; g < groups; g++) {
        const s = <i32>load<f32>(STORED + (g << 5) + (b << 2));
        const m = <i32>load<f32>(STORED + (g << 5) + (b << 2), 16);
        store<u8>(SCALES + g, top == 31 ? min<i32>(63, s) : s);
        store<u8>(MINIMA + g, top == 31 ? min<i32>(63, m) : m);
      }
      finish(values, bytes, top, halfBits(load<f32>(FACTORS + (b << 2))), halfBits(load<f32>(FACTORS + (b << 2), 16)));
    }
  }
}

function storeScales4(): void {
  storeScales(16, 15);
}
function storeScales6(): void {
  storeScales(8, 63);
}
