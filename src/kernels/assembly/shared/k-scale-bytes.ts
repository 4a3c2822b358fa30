/** Codes of Q3_K and Q6_K: from values and scales, and to and from the bytes of a super-block of 256. */

/** u8 [256] */
export const CODES: usize = memory.data(256, 16);
/** Steps of the 16 sub-blocks: i8 [16]. */
export const STEPS: usize = memory.data(16, 16);
/** Stored scales, float16 d times step: f32 [16]. */
export const STORED: usize = memory.data(64, 16);

// @ts-ignore: decorator
@inline function bytes4(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

// Loops read constants from memory: V8 would make them anew in every turn.
const BIAS: usize = memory.data<f32>([12582912]);
const LOW_BITS: usize = memory.data<i32>([0x007fffff]);
const MIDDLE: usize = memory.data<i32>([0x00400000]);

/** ggml's nearest_int, also of what is too large for it. */
// @ts-ignore: decorator
@inline function nearestBits(v: v128, bias: v128, lowBits: v128, middle: v128): v128 {
  return i32x4.sub(v128.and(f32x4.add(v, bias), lowBits), middle);
}

/** The same of single vectors. */
// @ts-ignore: decorator
@inline export function nearestInt4(v: v128): v128 {
  return nearestBits(v, f32x4.splat(12582912), i32x4.splat(0x007fffff), i32x4.splat(0x00400000));
}

/** ggml's nearest_int. */
// @ts-ignore: decorator
@inline export function nearestInt(v: f32): i32 {
  return (reinterpret<i32>(v + <f32>12582912) & 0x007fffff) - 0x00400000;
}

/** STORED = d times STEPS. */
export function setStored(d: f32): void {
  const steps = v128.load(STEPS);
  const low = i16x8.extend_low_i8x16_s(steps);
  const high = i16x8.extend_high_i8x16_s(steps);
  const four = f32x4.splat(d);
  v128.store(STORED, f32x4.mul(four, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low))));
  v128.store(STORED, f32x4.mul(four, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))), 16);
  v128.store(STORED, f32x4.mul(four, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high))), 32);
  v128.store(STORED, f32x4.mul(four, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))), 48);
}

/** Whether a stored scale is zero: its codes are then those of the search. */
export function anyZero(): bool {
  const zero = f32x4.splat(0);
  return v128.any_true(
    v128.or(
      v128.or(f32x4.eq(v128.load(STORED), zero), f32x4.eq(v128.load(STORED, 16), zero)),
      v128.or(f32x4.eq(v128.load(STORED, 32), zero), f32x4.eq(v128.load(STORED, 48), zero)),
    ),
  );
}

/** CODES of the f32 [256] at x by ggml's division through the stored scale. */
// @ts-ignore: decorator
@inline export function divideCodes(x: usize, levels: i32): void {
  const bias = v128.load32_splat(BIAS);
  const lowBits = v128.load32_splat(LOW_BITS);
  const middle = v128.load32_splat(MIDDLE);
  for (let j: usize = 0; j < 16; j++) {
    const scale = v128.load32_splat(STORED + (j << 2));
    const from = x + (j << 6);
    const l = bytes4(
      nearestBits(f32x4.div(v128.load(from), scale), bias, lowBits, middle),
      nearestBits(f32x4.div(v128.load(from, 16), scale), bias, lowBits, middle),
      nearestBits(f32x4.div(v128.load(from, 32), scale), bias, lowBits, middle),
      nearestBits(f32x4.div(v128.load(from, 48), scale), bias, lowBits, middle),
    );
    const cut = i8x16.max_s(i8x16.splat(<i8>-levels), i8x16.min_s(i8x16.splat(<i8>(levels - 1)), l));
    v128.store(CODES + (j << 4), i8x16.add(cut, i8x16.splat(<i8>levels)));
  }
}

// @ts-ignore: decorator
@inline function code4(x: v128, inverse: v128, levels: i32): v128 {
  const t = f32x4.mul(x, inverse);
  const cut = f32x4.pmax(f32x4.splat(<f32>-levels), f32x4.pmin(f32x4.splat(<f32>(levels - 1)), t));
  return i32x4.sub(f32x4.add(cut, f32x4.splat(12582912)), i32x4.splat(0x4b400000 - levels));
}

/** CODES of the f32 [256] at x by the reciprocal of the stored scale; zero where that is zero. */
// @ts-ignore: decorator
@inline export function roundCodes(x: usize, levels: i32): void {
  for (let j: usize = 0; j < 16; j++) {
    const scale = load<f32>(STORED + (j << 2));
    const inverse = f32x4.splat(scale == 0 ? 0 : 1 / scale);
    const from = x + (j << 6);
    const codes = bytes4(
      code4(v128.load(from), inverse, levels),
      code4(v128.load(from, 16), inverse, levels),
      code4(v128.load(from, 32), inverse, levels),
      code4(v128.load(from, 48), inverse, levels),
    );
    v128.store(CODES + (j << 4), codes);
  }
}

// @ts-ignore: decorator
@inline function code(i: usize): v128 {
  return v128.load(CODES + i);
}

/** Bits 0 and 1 of four codes that are 32 apart. */
// @ts-ignore: decorator
@inline function lowPairs(i: usize): v128 {
  const mask = i8x16.splat(3);
  const even = v128.or(v128.and(code(i), mask), i16x8.shl(v128.and(code(i + 32), mask), 2));
  const odd = v128.or(v128.and(code(i + 64), mask), i16x8.shl(v128.and(code(i + 96), mask), 2));
  return v128.or(even, i16x8.shl(odd, 4));
}

/** Bits 4 and 5 of four codes that are 32 apart. */
// @ts-ignore: decorator
@inline function highPairs(i: usize): v128 {
  const mask = i8x16.splat(0x30);
  const a = i16x8.shr_u(v128.and(code(i), mask), 4);
  const b = i16x8.shr_u(v128.and(code(i + 32), mask), 2);
  const d = i16x8.shl(v128.and(code(i + 96), mask), 2);
  return v128.or(v128.or(a, b), v128.or(v128.and(code(i + 64), mask), d));
}

// @ts-ignore: decorator
@inline function lowNibbles(i: usize): v128 {
  const mask = i8x16.splat(15);
  return v128.or(v128.and(code(i), mask), i16x8.shl(v128.and(code(i + 64), mask), 4));
}

/** CODES, STEPS and d as the 210 bytes of Q6_K. */
export function packQ6K(bytes: usize, d: u32): void {
  for (let half: usize = 0; half < 2; half++) {
    const from = half << 7;
    const low = bytes + (half << 6);
    for (let i: usize = 0; i < 64; i += 16) v128.store(low + i, lowNibbles(from + i));
    const high = bytes + 128 + (half << 5);
    v128.store(high, highPairs(from));
    v128.store(high, highPairs(from + 16), 16);
  }
  v128.store(bytes, v128.load(STEPS), 192);
  store<u16>(bytes, <u16>d, 208);
}

/** CODES, STEPS and d as the 110 bytes of Q3_K. */
export function packQ3K(bytes: usize, d: u32): void {
  const bit = i8x16.splat(4);
  for (let i: usize = 0; i < 32; i += 16) {
    let high = i16x8.shr_u(v128.and(code(i), bit), 2);
    high = v128.or(high, i16x8.shr_u(v128.and(code(i + 32), bit), 1));
    high = v128.or(high, v128.and(code(i + 64), bit));
    high = v128.or(high, i16x8.shl(v128.and(code(i + 96), bit), 1));
    high = v128.or(high, i16x8.shl(v128.and(code(i + 128), bit), 2));
    high = v128.or(high, i16x8.shl(v128.and(code(i + 160), bit), 3));
    high = v128.or(high, i16x8.shl(v128.and(code(i + 192), bit), 4));
    high = v128.or(high, i16x8.shl(v128.and(code(i + 224), bit), 5));
    v128.store(bytes + i, high);
    v128.store(bytes + i, lowPairs(i), 32);
    v128.store(bytes + i, lowPairs(i + 128), 64);
  }
  const steps = i8x16.add(v128.load(STEPS), i8x16.splat(32));
  const low = i64x2.extract_lane(v128.and(steps, i8x16.splat(15)), 0);
  const top = i64x2.extract_lane(v128.and(steps, i8x16.splat(15)), 1);
  store<u64>(bytes, low | (top << 4), 96);
  const pairs = i16x8.shr_u(v128.and(steps, i8x16.splat(48)), 4);
  const a = i32x4.extract_lane(pairs, 0) | (i32x4.extract_lane(pairs, 1) << 2);
  const b = (i32x4.extract_lane(pairs, 2) << 4) | (i32x4.extract_lane(pairs, 3) << 6);
  store<u32>(bytes, a | b, 104);
  store<u16>(bytes, <u16>d, 108);
}

/** CODES and STEPS of 110 bytes of Q3_K. */
export function unpackQ3K(bytes: usize): void {
  const two = i8x16.splat(3);
  const bit = i8x16.splat(1);
  for (let i: usize = 0; i < 256; i += 16) {
    const low = v128.load(bytes + 32 + ((i >> 7) << 5) + (i & 31));
    const high = v128.load(bytes + (i & 31));
    const k = <i32>(i >> 5);
    const a = v128.and(i16x8.shr_u(low, 2 * (k & 3)), two);
    v128.store(CODES + i, v128.or(a, i16x8.shl(v128.and(i16x8.shr_u(high, k), bit), 2)));
  }
  const nibbles = load<u64>(bytes, 96);
  const mask: u64 = 0x0f0f0f0f0f0f0f0f;
  const low = i64x2.replace_lane(i64x2.splat(nibbles & mask), 1, (nibbles >> 4) & mask);
  const pairs = i32x4.splat(load<u32>(bytes, 104));
  let high = v128.and(pairs, i32x4.splat(0x03030303));
  high = i32x4.replace_lane(high, 1, (i32x4.extract_lane(pairs, 0) >>> 2) & 0x03030303);
  high = i32x4.replace_lane(high, 2, (i32x4.extract_lane(pairs, 0) >>> 4) & 0x03030303);
  high = i32x4.replace_lane(high, 3, (i32x4.extract_lane(pairs, 0) >>> 6) & 0x03030303);
  v128.store(STEPS, i8x16.sub(v128.or(low, i16x8.shl(high, 4)), i8x16.splat(32)));
}

/** CODES and STEPS of 210 bytes of Q6_K. */
export function unpackQ6K(bytes: usize): void {
  for (let i: usize = 0; i < 256; i += 16) {
    const half = i >> 7;
    const nibbles = v128.load(bytes + (half << 6) + (i & 63));
    const pairs = v128.load(bytes + 128 + (half << 5) + (i & 31));
    const low = v128.and(i16x8.shr_u(nibbles, i & 64 ? 4 : 0), i8x16.splat(15));
    const high = v128.and(i16x8.shr_u(pairs, 2 * (<i32>(i >> 5) & 3)), i8x16.splat(3));
    v128.store(CODES + i, v128.or(low, i16x8.shl(high, 4)));
  }
  v128.store(STEPS, v128.load(bytes, 192));
}

/** f32 [256] of CODES and STORED. */
// @ts-ignore: decorator
@inline export function decodeCodes(values: usize, levels: i32): void {
  for (let i: usize = 0; i < 256; i += 8) {
    const scale = v128.load32_splat(STORED + ((i >> 4) << 2));
    const l = i16x8.sub(v128.load8x8_u(CODES + i), i16x8.splat(<i16>levels));
    const to = values + (i << 2);
    v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(l))));
    v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(l))), 16);
  }
}
