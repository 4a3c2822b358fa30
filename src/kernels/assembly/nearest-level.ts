/** The number of thresholds below each value; the readable twin is ../nearest-level.ref.ts. */

/** Four values against `count` thresholds that lie `step` floats apart: minus the number below each. */
// @ts-ignore: decorator
@inline function below(x: v128, thresholds: usize, count: i32, step: i32): v128 {
  let sum = i32x4.splat(0);
  for (let i = 0; i < count; i++) {
    sum = i32x4.add(sum, f32x4.gt(x, v128.load32_splat(thresholds)));
    thresholds += <usize>step << 2;
  }
  return sum;
}

// @ts-ignore: decorator
@inline function next(x: v128, thresholds: usize, at: usize, sum: v128): v128 {
  return i32x4.add(sum, f32x4.gt(x, v128.load32_splat(thresholds + (at << 2))));
}

/** As `below` for 15 thresholds in a row. */
// @ts-ignore: decorator
@inline function below15(x: v128, t: usize): v128 {
  let a = f32x4.gt(x, v128.load32_splat(t));
  let b = f32x4.gt(x, v128.load32_splat(t + 4));
  a = next(x, t, 2, a);
  b = next(x, t, 3, b);
  a = next(x, t, 4, a);
  b = next(x, t, 5, b);
  a = next(x, t, 6, a);
  b = next(x, t, 7, b);
  a = next(x, t, 8, a);
  b = next(x, t, 9, b);
  a = next(x, t, 10, a);
  b = next(x, t, 11, b);
  a = next(x, t, 12, a);
  b = next(x, t, 13, b);
  a = next(x, t, 14, a);
  return i32x4.add(a, b);
}

/** Up to 16 levels. */
// @ts-ignore: decorator
@inline function few(at: usize, n: i32, t: usize, count: i32, to: usize): void {
  for (let i = 0; i < n; i += 16) {
    const x0 = v128.load(at);
    const x1 = v128.load(at, 16);
    const x2 = v128.load(at, 32);
    const x3 = v128.load(at, 48);
    let s0: v128, s1: v128, s2: v128, s3: v128;
    if (count == 15) {
      s0 = below15(x0, t);
      s1 = below15(x1, t);
      s2 = below15(x2, t);
      s3 = below15(x3, t);
    } else {
      s0 = below(x0, t, count, 1);
      s1 = below(x1, t, count, 1);
      s2 = below(x2, t, count, 1);
      s3 = below(x3, t, count, 1);
    }
    v128.store(to, i8x16.neg(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(s0, s1), i16x8.narrow_i32x4_s(s2, s3))));
    at += 64;
    to += 16;
  }
}

/** How many of 16 thresholds in a row lie below one value. */
// @ts-ignore: decorator
@inline function inGroup(x: v128, t: usize): i32 {
  const a = i16x8.narrow_i32x4_s(f32x4.gt(x, v128.load(t)), f32x4.gt(x, v128.load(t, 16)));
  const b = i16x8.narrow_i32x4_s(f32x4.gt(x, v128.load(t, 32)), f32x4.gt(x, v128.load(t, 48)));
  return popcnt(i8x16.bitmask(i8x16.narrow_i16x8_s(a, b)));
}

/** One of four values: its group of 16 thresholds is known. */
// @ts-ignore: decorator
@inline function store1(at: usize, group: i32, t: usize, to: usize): void {
  const from = t + (<usize>group << 6);
  store<u8>(to, <u8>((group << 4) + inGroup(v128.load32_splat(at), from)));
}

/** 32 to 256 levels: the last thresholds of groups of 16 first, for four values; then each in its group. */
function many(at: usize, n: i32, t: usize, groups: i32, to: usize): void {
  for (let i = 0; i < n; i += 4) {
    const group = i32x4.neg(
      groups == 16 ? below15Apart(v128.load(at), t + 60) : below(v128.load(at), t + 60, groups - 1, 16),
    );
    store1(at, i32x4.extract_lane(group, 0), t, to);
    store1(at + 4, i32x4.extract_lane(group, 1), t, to + 1);
    store1(at + 8, i32x4.extract_lane(group, 2), t, to + 2);
    store1(at + 12, i32x4.extract_lane(group, 3), t, to + 3);
    at += 16;
    to += 4;
  }
}

/** As `below15`, the thresholds 16 floats apart. */
// @ts-ignore: decorator
@inline function below15Apart(x: v128, t: usize): v128 {
  let a = f32x4.gt(x, v128.load32_splat(t));
  let b = f32x4.gt(x, v128.load32_splat(t + 64));
  a = next(x, t, 32, a);
  b = next(x, t, 48, b);
  a = next(x, t, 64, a);
  b = next(x, t, 80, b);
  a = next(x, t, 96, a);
  b = next(x, t, 112, b);
  a = next(x, t, 128, a);
  b = next(x, t, 144, b);
  a = next(x, t, 160, a);
  b = next(x, t, 176, b);
  a = next(x, t, 192, a);
  b = next(x, t, 208, b);
  a = next(x, t, 224, a);
  return i32x4.add(a, b);
}

/**
 * Codes of one block. values: f32 [n], thresholds: f32 [stride], both readable up to the next multiple of 16;
 * codes: u8 [n], likewise writable.
 */
export function codes(values: usize, n: i32, thresholds: usize, stride: i32, to: usize): void {
  if (stride > 16) many(values, n, thresholds, stride >> 4, to);
  else if (stride == 16) few(values, n, thresholds, 15, to);
  else if (stride == 8) few(values, n, thresholds, 7, to);
  else if (stride == 4) few(values, n, thresholds, 3, to);
  else few(values, n, thresholds, 1, to);
}
