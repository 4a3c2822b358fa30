/** From a grid's points to values. */
import { pointOf } from './grid';

/** Eight signs of which an even number is minus, stored as seven: the last follows from them. */
// @ts-ignore: decorator
@inline export function evenSigns(seven: u32): u32 {
  return seven | ((popcnt(seven) & 1) << 7);
}

// @ts-ignore: decorator
@inline function signed4(bytes: v128, scale: v128, signs: u32, first: v128): v128 {
  const value = f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(bytes)));
  // Each lane moves its own bit to the top.
  const minus = v128.and(i32x4.mul(i32x4.splat(signs), first), i32x4.splat(0x80000000));
  return v128.xor(value, minus);
}

/** Eight values of two points of 4; bit i of `signs`: value i is minus. */
// @ts-ignore: decorator
@inline export function decodePoints4(grid: usize, a: u32, b: u32, scale: v128, signs: u32, to: usize): void {
  const x = i16x8.extend_low_i8x16_u(pointOf<u32>(grid, a));
  const y = i16x8.extend_low_i8x16_u(pointOf<u32>(grid, b));
  v128.store(to, signed4(x, scale, signs, i32x4(1 << 31, 1 << 30, 1 << 29, 1 << 28)));
  v128.store(to, signed4(y, scale, signs, i32x4(1 << 27, 1 << 26, 1 << 25, 1 << 24)), 16);
}

/** Eight values of one point of 8. */
// @ts-ignore: decorator
@inline export function decodePoint8(grid: usize, index: u32, scale: v128, signs: u32, to: usize): void {
  const x = i16x8.extend_low_i8x16_u(pointOf<u64>(grid, index));
  v128.store(to, signed4(x, scale, signs, i32x4(1 << 31, 1 << 30, 1 << 29, 1 << 28)));
  const y = i64x2.shuffle(x, x, 1, 1);
  v128.store(to, signed4(y, scale, signs, i32x4(1 << 27, 1 << 26, 1 << 25, 1 << 24)), 16);
}
