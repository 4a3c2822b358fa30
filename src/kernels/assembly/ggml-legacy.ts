/** ggml types with one scale, or a scale and a minimum, per 32 values; the readable twins are ../ggml/<type>.ref.ts. */
import { decode16 } from './shared/decode16';
import { half4, halfBits, halfValue } from './shared/half';
import { fifthBits, gatherFifthBits, highCodes, lowCodes } from './shared/legacy-packing';
import { searchAffine4, searchAffine5, searchScales4, searchScales5, searchScales8 } from './shared/legacy-search';

export * from './shared/block-io';

// @ts-ignore: decorator
@inline function largest4(v: v128): f32 {
  const pair = f32x4.pmax(v, i32x4.shuffle(v, v, 2, 3, 2, 3));
  return f32x4.extract_lane(f32x4.pmax(pair, i32x4.shuffle(pair, pair, 1, 1, 1, 1)), 0);
}

// @ts-ignore: decorator
@inline function smallest4(v: v128): f32 {
  const pair = f32x4.pmin(v, i32x4.shuffle(v, v, 2, 3, 2, 3));
  return f32x4.extract_lane(f32x4.pmin(pair, i32x4.shuffle(pair, pair, 1, 1, 1, 1)), 0);
}

/** C's roundf of small numbers, as int32: halves away from zero. */
// @ts-ignore: decorator
@inline function round4(v: v128): v128 {
  // Half but for the last bit: 0.5 itself would round 0.49999997 up. Halves still reach the next number, because
  // the sum is rounded to it.
  const half = v128.or(v128.and(v, f32x4.splat(-0.0)), f32x4.splat(reinterpret<f32>(0x3effffff)));
  const whole = f32x4.trunc(f32x4.add(v, half));
  // Whole numbers of less than 2^22 as the low bits of 1.5 * 2^23 and more.
  return i32x4.sub(f32x4.add(whole, f32x4.splat(12582912)), i32x4.splat(0x4b400000));
}

/** The value of largest magnitude, the first of several, of f32 [32]. */
// @ts-ignore: decorator
@inline function extreme(values: usize): f32 {
  let high = v128.load(values);
  let low = high;
  for (let i: usize = 16; i < 128; i += 16) {
    const v = v128.load(values + i);
    high = f32x4.pmax(high, v);
    low = f32x4.pmin(low, v);
  }
  const top = largest4(high);
  const bottom = smallest4(low);
  if (top > -bottom) return top;
  if (top < -bottom) return bottom;
  if (top == 0) return 0;
  while (abs<f32>(load<f32>(values)) != top) values += 4;
  return load<f32>(values);
}

/** (int8) ((x - minimum) * inverse + half) of 4 floats, for results that are not negative. */
// @ts-ignore: decorator
@inline function code4(affine: bool, x: usize, minimum: v128, inverse: v128, half: v128): v128 {
  const v = v128.load(x);
  const scaled = f32x4.mul(affine ? f32x4.sub(v, minimum) : v, inverse);
  const whole = f32x4.trunc(f32x4.add(scaled, half));
  return i32x4.sub(f32x4.add(whole, f32x4.splat(8388608)), i32x4.splat(0x4b000000));
}

/** The codes of 16 floats as bytes, at most `top`. */
// @ts-ignore: decorator
@inline function code16(affine: bool, x: usize, minimum: v128, inverse: v128, half: v128, top: i8): v128 {
  const a = code4(affine, x, minimum, inverse, half);
  const b = code4(affine, x + 16, minimum, inverse, half);
  const c = code4(affine, x + 32, minimum, inverse, half);
  const d = code4(affine, x + 48, minimum, inverse, half);
  const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
  return i8x16.min_u(bytes, i8x16.splat(top));
}

/** Writes the codes of a block of 32 floats; returns where they end. */
// @ts-ignore: decorator
@inline function writeCodes(affine: bool, bits: i32, x: usize, minimum: f32, inverse: f32, half: f32, to: usize): usize {
  const m = f32x4.splat(minimum);
  const factor = f32x4.splat(inverse);
  const offset = f32x4.splat(half);
  const first = code16(affine, x, m, factor, offset, bits == 4 ? 15 : 31);
  const second = code16(affine, x + 64, m, factor, offset, bits == 4 ? 15 : 31);
  if (bits == 5) {
    store<u32>(to, gatherFifthBits(first) | (gatherFifthBits(second) << 16));
    to += 4;
  }
  v128.store(to, v128.or(lowCodes(first), i8x16.shl(second, 4)));
  return to + 16;
}

/** Q4_0 or Q5_0 in one pass: the extreme of a block becomes -levels. */
// @ts-ignore: decorator
@inline function onePassScales(bits: i32, values: usize, bytes: usize, count: usize): void {
  const end = values + (count << 2);
  const levels: f32 = bits == 4 ? 8 : 16;
  for (; values < end; values += 128) {
    const d = extreme(values) / -levels;
    const inverse: f32 = d != 0 ? 1 / d : 0;
    // A denormal scale has no finite inverse: the codes are then what x86 makes of Inf and NaN, cut to a byte.
    const finite = abs<f32>(inverse) != f32.POSITIVE_INFINITY;
    store<u16>(bytes, <u16>halfBits(d));
    bytes = writeCodes(false, bits, values, 0, finite ? inverse : 0, finite ? levels + 0.5 : 0, bytes + 2);
  }
}

/** Q4_1 or Q5_1 in one pass: the ends of a block's range become 0 and the top. */
// @ts-ignore: decorator
@inline function onePassAffine(bits: i32, values: usize, bytes: usize, count: usize): void {
  const end = values + (count << 2);
  const top: f32 = bits == 4 ? 15 : 31;
  for (; values < end; values += 128) {
    let high = v128.load(values);
    let low = high;
    for (let i: usize = 16; i < 128; i += 16) {
      const v = v128.load(values + i);
      high = f32x4.pmax(high, v);
      low = f32x4.pmin(low, v);
    }
    let minimum = smallest4(low);
    if (minimum == 0) minimum = firstZero(values);
    const d = (largest4(high) - minimum) / top;
    const inverse: f32 = d != 0 ? 1 / d : 0;
    // As above; and where the range overflows, Inf * 0.
    const finite = inverse != f32.POSITIVE_INFINITY && d != f32.POSITIVE_INFINITY;
    store<u16>(bytes, <u16>halfBits(d));
    store<u16>(bytes, <u16>halfBits(minimum), 2);
    bytes = writeCodes(true, bits, values, finite ? minimum : 0, finite ? inverse : 0, finite ? 0.5 : 0, bytes + 4);
  }
}

function firstZero(values: usize): f32 {
  while (load<f32>(values) != 0) values += 4;
  return load<f32>(values);
}

/** values: f32 [rows, length]; bytes: the blocks; importance: f32 [length] or 0. */
export function encode_q4_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best || importance) searchScales4(values, bytes, rows, length, importance, best);
  else onePassScales(4, values, bytes, <usize>rows * <usize>length);
}

/** As `encode_q4_0`. */
export function encode_q4_1(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best || importance) searchAffine4(values, bytes, rows, length, importance, best);
  else onePassAffine(4, values, bytes, <usize>rows * <usize>length);
}

/** As `encode_q4_0`. */
export function encode_q5_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best || importance) searchScales5(values, bytes, rows, length, importance, best);
  else onePassScales(5, values, bytes, <usize>rows * <usize>length);
}

/** As `encode_q4_0`. */
export function encode_q5_1(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best || importance) searchAffine5(values, bytes, rows, length, importance, best);
  else onePassAffine(5, values, bytes, <usize>rows * <usize>length);
}

/** As `encode_q4_0`; reference search does not look at the importance. */
export function encode_q8_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best) {
    searchScales8(values, bytes, rows, length, importance);
    return;
  }
  const end = values + (<usize>rows * <usize>length << 2);
  // Four blocks at a time share the divisions.
  for (; values + 512 <= end; values += 512, bytes += 136) {
    const largest = largestOf4(magnitude(values), magnitude(values + 128), magnitude(values + 256), magnitude(values + 384));
    const d = f32x4.div(largest, f32x4.splat(127));
    const halves = half4(d);
    const reciprocal = f32x4.div(f32x4.splat(1), d);
    const inverse = v128.andnot(reciprocal, f32x4.eq(reciprocal, f32x4.splat(f32.POSITIVE_INFINITY)));
    v128.store_lane<u16>(bytes, halves, 0);
    codes8(values, bytes + 2, f32x4.splat(f32x4.extract_lane(inverse, 0)));
    v128.store_lane<u16>(bytes + 34, halves, 2);
    codes8(values + 128, bytes + 36, f32x4.splat(f32x4.extract_lane(inverse, 1)));
    v128.store_lane<u16>(bytes + 68, halves, 4);
    codes8(values + 256, bytes + 70, f32x4.splat(f32x4.extract_lane(inverse, 2)));
    v128.store_lane<u16>(bytes + 102, halves, 6);
    codes8(values + 384, bytes + 104, f32x4.splat(f32x4.extract_lane(inverse, 3)));
  }
  for (; values < end; values += 128, bytes += 34) {
    const d: f32 = largest4(magnitude(values)) / 127;
    // A denormal d has no finite inverse; ggml's codes are then what x86 makes of Inf and NaN, cut to 8 bits: 0.
    const reciprocal: f32 = 1 / d;
    store<u16>(bytes, <u16>halfBits(d));
    codes8(values, bytes + 2, f32x4.splat(reciprocal == f32.POSITIVE_INFINITY ? 0 : reciprocal));
  }
}

/** Largest magnitudes of f32 [32], lane by lane. */
// @ts-ignore: decorator
@inline function magnitude(values: usize): v128 {
  let a = f32x4.abs(v128.load(values));
  let b = f32x4.abs(v128.load(values, 16));
  a = f32x4.pmax(a, f32x4.abs(v128.load(values, 32)));
  b = f32x4.pmax(b, f32x4.abs(v128.load(values, 48)));
  a = f32x4.pmax(a, f32x4.abs(v128.load(values, 64)));
  b = f32x4.pmax(b, f32x4.abs(v128.load(values, 80)));
  a = f32x4.pmax(a, f32x4.abs(v128.load(values, 96)));
  b = f32x4.pmax(b, f32x4.abs(v128.load(values, 112)));
  return f32x4.pmax(a, b);
}

/** The largest lane of each of four vectors. */
// @ts-ignore: decorator
@inline function largestOf4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.pmax(i32x4.shuffle(a, b, 0, 1, 4, 5), i32x4.shuffle(a, b, 2, 3, 6, 7));
  const cd = f32x4.pmax(i32x4.shuffle(c, d, 0, 1, 4, 5), i32x4.shuffle(c, d, 2, 3, 6, 7));
  return f32x4.pmax(i32x4.shuffle(ab, cd, 0, 2, 4, 6), i32x4.shuffle(ab, cd, 1, 3, 5, 7));
}

/** The codes of 32 floats, 8 bits each. */
// @ts-ignore: decorator
@inline function codes8(values: usize, bytes: usize, inverse: v128): void {
  for (let i: usize = 0; i < 2; i++) {
    const from = values + (i << 6);
    const a = round4(f32x4.mul(v128.load(from), inverse));
    const b = round4(f32x4.mul(v128.load(from, 16), inverse));
    const c = round4(f32x4.mul(v128.load(from, 32), inverse));
    const e = round4(f32x4.mul(v128.load(from, 48), inverse));
    const q = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, e));
    v128.store(bytes + (i << 4), q);
  }
}

// @ts-ignore: decorator
@inline function decodeBlocks(bits: i32, affine: bool, bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  // What is taken off a code that has a scale alone.
  const middle = i8x16.splat(affine ? 0 : bits == 4 ? 8 : 16);
  for (; values < end; values += 128) {
    const d = f32x4.splat(halfValue(load<u16>(bytes)));
    const m = affine ? f32x4.splat(halfValue(load<u16>(bytes, 2))) : d;
    bytes += affine ? 4 : 2;
    const high: u32 = bits == 5 ? load<u32>(bytes) : 0;
    if (bits == 5) bytes += 4;
    const packed = v128.load(bytes);
    bytes += 16;
    let first = lowCodes(packed);
    let second = highCodes(packed);
    if (bits == 5) {
      first = v128.or(first, fifthBits(high));
      second = v128.or(second, fifthBits(high >>> 16));
    }
    decode16(affine, i8x16.sub(first, middle), d, m, values);
    decode16(affine, i8x16.sub(second, middle), d, m, values + 64);
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_q4_0(bytes: usize, values: usize, count: i32): void {
  decodeBlocks(4, false, bytes, values, count);
}

/** As `decode_q4_0`. */
export function decode_q4_1(bytes: usize, values: usize, count: i32): void {
  decodeBlocks(4, true, bytes, values, count);
}

/** As `decode_q4_0`. */
export function decode_q5_0(bytes: usize, values: usize, count: i32): void {
  decodeBlocks(5, false, bytes, values, count);
}

/** As `decode_q4_0`. */
export function decode_q5_1(bytes: usize, values: usize, count: i32): void {
  decodeBlocks(5, true, bytes, values, count);
}

/** As `decode_q4_0`. */
export function decode_q8_0(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 128, bytes += 34) {
    const d = f32x4.splat(halfValue(load<u16>(bytes)));
    decode16(false, v128.load(bytes, 2), d, d, values);
    decode16(false, v128.load(bytes, 18), d, d, values + 64);
  }
}
