/** The stored form of Q2_K, Q4_K and Q5_K: 256 values, x = d * scale * code - dmin * minimum. */
import { nearestInt } from './k-affine-search';
import { halfValue } from './half';

/** Scales and minima of the groups, as stored: u8 [16] each. */
export const SCALES = memory.data(16, 16);
export const MINIMA = memory.data(16, 16);
/** Codes of a super-block: u8 [256]. */
export const CODES = memory.data(256, 16);
/** The codes that the search kept are those of INVERSES * (x - FROMS): f32 [16] each. */
export const INVERSES = memory.data(64, 16);
export const FROMS = memory.data(64, 16);

// @ts-ignore: decorator
@inline function narrow(a: v128, b: v128, c: v128, d: v128, top: i32): v128 {
  const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
  return i8x16.min_u(bytes, i8x16.splat(<i8>top));
}

// @ts-ignore: decorator
@inline function rounded(at: usize, minimum: v128, scale: v128): v128 {
  return nearestInt(f32x4.div(f32x4.add(v128.load(at), minimum), scale));
}

// @ts-ignore: decorator
@inline function searched(at: usize, from: v128, inverse: v128): v128 {
  return nearestInt(f32x4.mul(inverse, f32x4.sub(v128.load(at), from)));
}

/**
 * The codes of a super-block under its stored scales; ggml leaves a group whose stored scale is zero the codes of
 * the search. values: f32 [256].
 */
// @ts-ignore: decorator
@inline export function chooseCodes(values: usize, size: usize, top: i32, d: f32, dmin: f32): void {
  for (let at: usize = 0, group: usize = 0; at < 256; at += size, group++) {
    const scale = d * <f32>load<u8>(SCALES + group);
    if (scale == 0) {
      const from = v128.load32_splat(FROMS + (group << 2));
      const inverse = v128.load32_splat(INVERSES + (group << 2));
      for (let i = at; i < at + size; i += 16) {
        const x = values + (i << 2);
        v128.store(CODES + i, narrow(
          searched(x, from, inverse), searched(x + 16, from, inverse),
          searched(x + 32, from, inverse), searched(x + 48, from, inverse), top,
        ));
      }
      continue;
    }
    const s = f32x4.splat(scale);
    const m = f32x4.splat(dmin * <f32>load<u8>(MINIMA + group));
    for (let i = at; i < at + size; i += 16) {
      const x = values + (i << 2);
      v128.store(CODES + i, narrow(
        rounded(x, m, s), rounded(x + 16, m, s), rounded(x + 32, m, s), rounded(x + 48, m, s), top,
      ));
    }
  }
}

/** Sixteen scales and minima of 4 bits, the minimum above. */
// @ts-ignore: decorator
@inline export function packScales4(bytes: usize): void {
  v128.store(bytes, v128.or(v128.load(SCALES), i8x16.shl(v128.load(MINIMA), 4)));
}

/** Codes of 2 bits, four times 32 values a byte: u8 [64]. */
// @ts-ignore: decorator
@inline function packPairs(bytes: usize): void {
  for (let at: usize = 0; at < 64; at += 16) {
    const from = CODES + ((at & 32) << 2) + (at & 16);
    v128.store(bytes + at, v128.or(
      v128.or(v128.load(from), i8x16.shl(v128.load(from, 32), 2)),
      v128.or(i8x16.shl(v128.load(from, 64), 4), i8x16.shl(v128.load(from, 96), 6)),
    ));
  }
}

// @ts-ignore: decorator
@inline export function unpackScales4(bytes: usize): void {
  const both = v128.load(bytes);
  v128.store(SCALES, v128.and(both, i8x16.splat(15)));
  v128.store(MINIMA, i8x16.shr_u(both, 4));
}

/** Eight scales and minima of 6 bits in 12 bytes: the upper two bits of the last four of each are with the first. */
// @ts-ignore: decorator
@inline export function packScales6(bytes: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    const s: u32 = load<u8>(SCALES + j, 4);
    const m: u32 = load<u8>(MINIMA + j, 4);
    store<u8>(bytes + j, load<u8>(SCALES + j) | ((s >> 4) << 6));
    store<u8>(bytes + j, load<u8>(MINIMA + j) | ((m >> 4) << 6), 4);
    store<u8>(bytes + j, (s & 15) | ((m & 15) << 4), 8);
  }
}

// @ts-ignore: decorator
@inline export function unpackScales6(bytes: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    const s: u32 = load<u8>(bytes + j);
    const m: u32 = load<u8>(bytes + j, 4);
    const both: u32 = load<u8>(bytes + j, 8);
    store<u8>(SCALES + j, s & 63);
    store<u8>(MINIMA + j, m & 63);
    store<u8>(SCALES + j, (both & 15) | ((s >> 6) << 4), 4);
    store<u8>(MINIMA + j, (both >> 4) | ((m >> 6) << 4), 4);
  }
}

/** The codes' lower four bits, two groups a byte: u8 [128]. */
// @ts-ignore: decorator
@inline function packNibbles(bytes: usize): void {
  const low = i8x16.splat(15);
  for (let at: usize = 0; at < 128; at += 16) {
    const from = CODES + ((at & ~31) << 1) + (at & 16);
    v128.store(bytes + at, v128.or(v128.and(v128.load(from), low), i8x16.shl(v128.load(from, 32), 4)));
  }
}

/** The codes' fifth bits, bit j of a byte from group j: u8 [32]. */
// @ts-ignore: decorator
@inline function packFifthBits(bytes: usize): void {
  for (let at: usize = 0; at < 32; at += 16) {
    let bits = i8x16.splat(0);
    for (let j: usize = 0; j < 8; j++) {
      bits = v128.or(bits, i8x16.shl(i8x16.shr_u(v128.load(CODES + at + (j << 5)), 4), <i32>j));
    }
    v128.store(bytes + at, bits);
  }
}

/** The codes of a super-block to its bytes; `top` (3, 15, 31) tells the type. */
// @ts-ignore: decorator
@inline export function packCodes(bytes: usize, top: i32): void {
  if (top == 3) packPairs(bytes + 16);
  else if (top == 15) packNibbles(bytes + 16);
  else {
    packFifthBits(bytes + 16);
    packNibbles(bytes + 48);
  }
}

/** Sixteen codes to values: scale * code - minimum. */
// @ts-ignore: decorator
@inline function widen(codes: v128, scale: v128, minimum: v128, to: usize): void {
  const low = i16x8.extend_low_i8x16_u(codes);
  const high = i16x8.extend_high_i8x16_u(codes);
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low))), minimum));
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low))), minimum), 16);
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high))), minimum), 32);
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high))), minimum), 48);
}

/** The values of a Q2_K super-block whose scales are unpacked. codes: u8 [64]; to: f32 [256]. */
// @ts-ignore: decorator
@inline export function valuesQ2(codes: usize, halves: usize, to: usize): void {
  const d = halfValue(load<u16>(halves));
  const dmin = halfValue(load<u16>(halves, 2));
  for (let group: usize = 0; group < 16; group++, to += 64) {
    const scale = f32x4.splat(d * <f32>load<u8>(SCALES + group));
    const minimum = f32x4.splat(dmin * <f32>load<u8>(MINIMA + group));
    const packed = v128.load(codes + ((group & 8) << 2) + ((group & 1) << 4));
    widen(v128.and(i8x16.shr_u(packed, <i32>(group & 6)), i8x16.splat(3)), scale, minimum, to);
  }
}

/** The values of a Q4_K or Q5_K super-block whose scales are unpacked. fifth: u8 [32], or 0; codes: u8 [128]. */
// @ts-ignore: decorator
@inline export function valuesNibbles(codes: usize, fifth: usize, halves: usize, to: usize): void {
  const d = halfValue(load<u16>(halves));
  const dmin = halfValue(load<u16>(halves, 2));
  for (let group: usize = 0; group < 8; group++, to += 128) {
    const scale = f32x4.splat(d * <f32>load<u8>(SCALES + group));
    const minimum = f32x4.splat(dmin * <f32>load<u8>(MINIMA + group));
    for (let i: usize = 0; i < 32; i += 16) {
      const packed = v128.load(codes + ((group >> 1) << 5) + i);
      let c = v128.and(i8x16.shr_u(packed, <i32>(group & 1) << 2), i8x16.splat(15));
      if (fifth != 0) {
        const bit = i8x16.shl(i8x16.shr_u(v128.load(fifth + i), <i32>group), 4);
        c = v128.or(c, v128.and(bit, i8x16.splat(16)));
      }
      widen(c, scale, minimum, to + (i << 2));
    }
  }
}
