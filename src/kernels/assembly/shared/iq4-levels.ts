/** The 16 levels of IQ4_NL and IQ4_XS; the readable twin is ../../ggml/iq4-levels.ref.ts. */

const LEVELS: usize = memory.data<i8>([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], 16);

// Twice a boundary between levels is a whole number: what is nearest to t depends on floor(2 t) alone.
// @ts-ignore: decorator
@inline const SMALLEST: i32 = -256;
// @ts-ignore: decorator
@inline const COUNT: i32 = 512;
/** By floor(2 t) + 256: the level, f32, and its code, u8. */
const NEAREST: usize = memory.data(COUNT * 4, 64);
const CODES: usize = memory.data(COUNT, 64);

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
    store<u8>(CODES + <usize>i, code);
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
