/** The codes of TQ1_0, TQ2_0 and Q2_0 as bytes; the readable twins are ../../ggml/<type>.ref.ts. */

/** Codes of a block, u8 [256]. */
export const CODES = memory.data(256, 16);

/** TQ2_0: byte j of either half holds codes j, j + 32, j + 64, j + 96. Writes 64 bytes. */
export function packTwoBits(to: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    for (let j: usize = 0; j < 32; j += 16) {
      const from = CODES + (half << 7) + j;
      const low = v128.or(v128.load(from), i8x16.shl(v128.load(from, 32), 2));
      const high = v128.or(i8x16.shl(v128.load(from, 64), 4), i8x16.shl(v128.load(from, 96), 6));
      v128.store(to + (half << 5) + j, v128.or(low, high));
    }
  }
}

/** The inverse: bytes to CODES. */
export function unpackTwoBits(from: usize): void {
  const two = i8x16.splat(3);
  for (let half: usize = 0; half < 2; half++) {
    for (let j: usize = 0; j < 32; j += 16) {
      const v = v128.load(from + (half << 5) + j);
      const to = CODES + (half << 7) + j;
      v128.store(to, v128.and(v, two));
      v128.store(to, v128.and(i8x16.shr_u(v, 2), two), 32);
      v128.store(to, v128.and(i8x16.shr_u(v, 4), two), 64);
      v128.store(to, i8x16.shr_u(v, 6), 96);
    }
  }
}

// @ts-ignore: decorator
@inline function thrice(v: v128): v128 {
  return i8x16.add(v, i8x16.add(v, v));
}

/** ceil(q * 256 / 243) of bytes q < 243. */
// @ts-ignore: decorator
@inline function fraction(q: v128): v128 {
  // q + ceil(13 q / 243), the quotient by a rounded product: right for every q.
  const low = i16x8.extend_low_i8x16_u(q);
  const high = i16x8.extend_high_i8x16_u(q);
  const factor = i16x8.splat(135);
  const a = i16x8.q15mulr_sat_s(i16x8.add(i16x8.mul(low, i16x8.splat(13)), i16x8.splat(120)), factor);
  const b = i16x8.q15mulr_sat_s(i16x8.add(i16x8.mul(high, i16x8.splat(13)), i16x8.splat(120)), factor);
  return i8x16.add(q, i8x16.narrow_i16x8_u(a, b));
}

/** Five trits, `apart` bytes from one another, of 16 bytes. */
// @ts-ignore: decorator
@inline function number(from: usize, apart: usize): v128 {
  let q = v128.load(from);
  for (let n: usize = 1; n < 5; n++) q = i8x16.add(thrice(q), v128.load(from + n * apart));
  return fraction(q);
}

/** TQ1_0: 48 bytes of five trits, 4 of four. Writes 52 bytes. */
export function packTrits(to: usize): void {
  v128.store(to, number(CODES, 32));
  v128.store(to, number(CODES + 16, 32), 16);
  v128.store(to, number(CODES + 160, 16), 32);
  let q = v128.load32_zero(CODES + 240);
  q = i8x16.add(thrice(q), v128.load32_zero(CODES + 244));
  q = i8x16.add(thrice(q), v128.load32_zero(CODES + 248));
  q = i8x16.add(thrice(q), v128.load32_zero(CODES + 252));
  v128.store32_lane(to + 48, fraction(thrice(q)), 0);
}

/** The next trit of 16 bytes, and the bytes without it. */
// @ts-ignore: decorator
@inline function trit(v: v128): v128 {
  const low = i16x8.shr_u(i16x8.mul(i16x8.extend_low_i8x16_u(v), i16x8.splat(3)), 8);
  const high = i16x8.shr_u(i16x8.mul(i16x8.extend_high_i8x16_u(v), i16x8.splat(3)), 8);
  return i8x16.narrow_i16x8_u(low, high);
}

// @ts-ignore: decorator
@inline function trits(v: v128, to: usize, apart: usize): void {
  for (let n: usize = 0; n < 5; n++, v = thrice(v)) v128.store(to + n * apart, trit(v));
}

/** The inverse: bytes to CODES. */
export function unpackTrits(from: usize): void {
  trits(v128.load(from), CODES, 32);
  trits(v128.load(from, 16), CODES + 16, 32);
  trits(v128.load(from, 32), CODES + 160, 16);
  let v = v128.load32_zero(from, 48);
  for (let n: usize = 0; n < 4; n++, v = thrice(v)) v128.store32_lane(CODES + 240 + 4 * n, trit(v), 0);
}

/** Q2_0: byte j holds codes 4j .. 4j + 3. Four neighbours of 16 codes as the bytes of four 32-bit lanes. */
// @ts-ignore: decorator
@inline function neighbours(at: usize): v128 {
  const v = v128.load(CODES + at);
  const pairs = v128.or(v, i16x8.shr_u(v, 6));
  const all = v128.or(pairs, i32x4.shr_u(pairs, 12));
  return v128.and(all, i32x4.splat(0xff));
}

/** Writes 16 bytes of 64 codes. */
export function packNeighbours(to: usize): void {
  const low = i16x8.narrow_i32x4_u(neighbours(0), neighbours(16));
  const high = i16x8.narrow_i32x4_u(neighbours(32), neighbours(48));
  v128.store(to, i8x16.narrow_i16x8_u(low, high));
}

/** The inverse: bytes to CODES. */
export function unpackNeighbours(from: usize): void {
  for (let j: usize = 0; j < 16; j += 4) {
    // Every byte four times, each of them for a code of its own.
    const v = v128.load32_splat(from + j);
    const four = i8x16.shuffle(v, v, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    let codes = v128.and(four, i32x4.splat(3));
    codes = v128.or(codes, v128.and(i32x4.shr_u(four, 2), i32x4.splat(0x0300)));
    codes = v128.or(codes, v128.and(i32x4.shr_u(four, 4), i32x4.splat(0x030000)));
    codes = v128.or(codes, v128.and(i32x4.shr_u(four, 6), i32x4.splat(0x03000000)));
    v128.store(CODES + (j << 2), codes);
  }
}
