/** The codes of Q4_0, Q4_1, Q5_0 and Q5_1 as bytes; the readable twin is ../../ggml/legacy-packing.ref.ts. */
import { scatter4 } from './lanes';

/** i32 codes of four blocks in lanes: v128 [32]. */
export const CODES = memory.data(32 * 16, 16);
const PACKED = memory.data(4 * 16, 16);

/** Writes the codes of each lane's block to its address; `five`: four bytes of fifth bits come first. */
// @ts-ignore: decorator
@inline export function packLanes(five: bool, a: usize, b: usize, c: usize, d: usize): void {
  const nibble = i32x4.splat(15);
  for (let j: usize = 0; j < 4; j++) {
    let word = i32x4.splat(0);
    for (let k: usize = 0; k < 4; k++) {
      const at = CODES + (j << 6) + (k << 4);
      const low = v128.and(v128.load(at), nibble);
      const high = v128.and(v128.load(at, 256), nibble);
      word = v128.or(word, i32x4.shl(v128.or(low, i32x4.shl(high, 4)), <i32>(k << 3)));
    }
    v128.store(PACKED + (j << 4), word);
  }
  if (five) {
    let bits = i32x4.splat(0);
    for (let i = 31; i >= 0; i--) {
      const code = v128.load(CODES + (<usize>i << 4));
      bits = v128.or(i32x4.shl(bits, 1), i32x4.shr_u(code, 4));
    }
    v128.store32_lane(a, bits, 0);
    v128.store32_lane(b, bits, 1);
    v128.store32_lane(c, bits, 2);
    v128.store32_lane(d, bits, 3);
  }
  const skip: usize = five ? 4 : 0;
  scatter4(PACKED, a + skip, b + skip, c + skip, d + skip);
}

/** Writes the low 16 bits of lane k to the k-th address. */
// @ts-ignore: decorator
@inline export function store16Lanes(v: v128, a: usize, b: usize, c: usize, d: usize): void {
  v128.store16_lane(a, v, 0);
  v128.store16_lane(b, v, 2);
  v128.store16_lane(c, v, 4);
  v128.store16_lane(d, v, 6);
}

/** Writes the codes of each lane's block less 128 as bytes. */
export function packSigned(a: usize, b: usize, c: usize, d: usize): void {
  const middle = i32x4.splat(128);
  for (let j: usize = 0; j < 128; j += 64) {
    for (let i: usize = 0; i < 64; i += 16) {
      const at = CODES + ((j + i) << 2);
      const low = i16x8.narrow_i32x4_s(i32x4.sub(v128.load(at), middle), i32x4.sub(v128.load(at, 16), middle));
      const high = i16x8.narrow_i32x4_s(i32x4.sub(v128.load(at, 32), middle), i32x4.sub(v128.load(at, 48), middle));
      // Bytes of four elements, each of four blocks: element by element, then block by block.
      const bytes = i8x16.narrow_i16x8_s(low, high);
      v128.store(PACKED + i, i8x16.shuffle(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    }
    scatter4(PACKED, a + (j >> 2), b + (j >> 2), c + (j >> 2), d + (j >> 2));
  }
}

/** bytes: 16 bytes of codes; the first half of the block's codes, u8 [16]. */
// @ts-ignore: decorator
@inline export function lowCodes(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15));
}

// @ts-ignore: decorator
@inline export function highCodes(bytes: v128): v128 {
  return i8x16.shr_u(bytes, 4);
}

/** Bit i of `bits` as 16 in byte i: the fifth bits of 16 codes. */
// @ts-ignore: decorator
@inline export function fifthBits(bits: u32): v128 {
  const spread = i8x16.swizzle(i32x4.splat(bits), v128(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const own = v128(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return v128.and(i8x16.eq(v128.and(spread, own), own), i8x16.splat(16));
}

/** The inverse of `fifthBits`. */
// @ts-ignore: decorator
@inline export function gatherFifthBits(codes: v128): u32 {
  return i8x16.bitmask(i8x16.shl(codes, 3));
}
