/** The 16 levels of IQ4_NL and IQ4_XS; the readable twin is ../../ggml/iq4-levels.ref.ts. */

const LEVELS: usize = memory.data<i8>([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], 16);

// Twice a boundary between levels is a whole number: what is nearest to t depends on floor(2 t) alone.
// @ts-ignore: decorator
@inline const SMALLEST: i32 = -256;
// @ts-ignore: decorator
@inline const COUNT: i32 = 512;
/** By floor(2 t) + 256: the level, f32, and its code, i32. */
const NEAREST: usize = memory.data(COUNT * 4, 64);
const CODES: usize = memory.data(COUNT * 4, 64);

// Read from memory, since V8 would make them anew in every turn of a loop.
const TWO: usize = memory.data<f32>([2]);
const LEAST: usize = memory.data<f32>([-256]);
const MOST: usize = memory.data<f32>([255]);
/** 1.5 * 2^23 + 256: the low bits of what it is added to are the place in the tables. */
const BIAS: usize = memory.data<f32>([12583168]);

/** Fills the tables. */
export function prepareLevels(): void {
  let code: i32 = 0;
  for (let i = 0; i < COUNT; i++) {
    // A boundary belongs to the upper level.
    while (code < 15 && i + SMALLEST >= level(code) + level(code + 1)) code++;
    store<f32>(NEAREST + (<usize>i << 2), <f32>level(code));
    store<i32>(CODES + (<usize>i << 2), code);
  }
}

function level(code: i32): i32 {
  return load<i8>(LEVELS + <usize>code);
}

/** Places in the tables, times 4, in the low halves of 32-bit lanes. */
// @ts-ignore: decorator
@inline function places(t: v128): v128 {
  const twice = f32x4.mul(t, v128.load32_splat(TWO));
  const cut = f32x4.pmax(v128.load32_splat(LEAST), f32x4.pmin(v128.load32_splat(MOST), twice));
  return i32x4.shl(f32x4.add(f32x4.floor(cut), v128.load32_splat(BIAS)), 2);
}

/** The levels nearest to t. */
// @ts-ignore: decorator
@inline export function iq4Level(t: v128): v128 {
  const at = places(t);
  let l = v128.load32_zero(NEAREST + i16x8.extract_lane_u(at, 0));
  l = v128.load32_lane(NEAREST + i16x8.extract_lane_u(at, 2), l, 1);
  l = v128.load32_lane(NEAREST + i16x8.extract_lane_u(at, 4), l, 2);
  return v128.load32_lane(NEAREST + i16x8.extract_lane_u(at, 6), l, 3);
}

// @ts-ignore: decorator
@inline function codeAt(place: usize): u32 {
  return load<u8>(CODES + place);
}

/** The bytes of 32 codes: f32 [32] at x, to 16 bytes; byte i holds codes i and i + 16. */
export function packCodes(x: usize, inverse: f32, to: usize): void {
  const four = f32x4.splat(inverse);
  for (let i: usize = 0; i < 64; i += 16, to += 4) {
    const low = places(f32x4.mul(v128.load(x + i), four));
    const high = places(f32x4.mul(v128.load(x + i, 64), four));
    const a = codeAt(i16x8.extract_lane_u(low, 0)) | (codeAt(i16x8.extract_lane_u(high, 0)) << 4);
    const b = codeAt(i16x8.extract_lane_u(low, 2)) | (codeAt(i16x8.extract_lane_u(high, 2)) << 4);
    const c = codeAt(i16x8.extract_lane_u(low, 4)) | (codeAt(i16x8.extract_lane_u(high, 4)) << 4);
    const d = codeAt(i16x8.extract_lane_u(low, 6)) | (codeAt(i16x8.extract_lane_u(high, 6)) << 4);
    store<u32>(to, a | (b << 8) | (c << 16) | (d << 24));
  }
}

/** The inverse: f32 [32] at `to` of 16 bytes. */
export function unpackLevels(bytes: usize, scale: f32, to: usize): void {
  const levels = v128.load(LEVELS);
  const four = f32x4.splat(scale);
  const codes = v128.load(bytes);
  decode16(i8x16.swizzle(levels, v128.and(codes, i8x16.splat(15))), four, to);
  decode16(i8x16.swizzle(levels, i8x16.shr_u(codes, 4)), four, to + 64);
}

// @ts-ignore: decorator
@inline function decode16(levels: v128, scale: v128, to: usize): void {
  const low = i16x8.extend_low_i8x16_s(levels);
  const high = i16x8.extend_high_i8x16_s(levels);
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low))));
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))), 16);
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high))), 32);
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))), 48);
}
