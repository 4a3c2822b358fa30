/** E2M1 magnitudes, doubled, 0 1 2 3 4 6 8 12, at halved scales; the readable twin is ../../ggml/e2m1.ref.ts. */

const MAGNITUDES = memory.data<u8>([0, 1, 2, 3, 4, 6, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0], 16);

/** How many of the seven midpoints lie below |x|, negative. */
// @ts-ignore: decorator
@inline function below(a: v128, d: v128): v128 {
  // Products and comparisons are exact, so a tie goes to the smaller magnitude as in ggml's search.
  let n = f32x4.gt(a, f32x4.mul(d, f32x4.splat(0.5)));
  n = i32x4.add(n, f32x4.gt(a, f32x4.mul(d, f32x4.splat(1.5))));
  n = i32x4.add(n, f32x4.gt(a, f32x4.mul(d, f32x4.splat(2.5))));
  n = i32x4.add(n, f32x4.gt(a, f32x4.mul(d, f32x4.splat(3.5))));
  n = i32x4.add(n, f32x4.gt(a, f32x4.mul(d, f32x4.splat(5))));
  n = i32x4.add(n, f32x4.gt(a, f32x4.mul(d, f32x4.splat(7))));
  return i32x4.add(n, f32x4.gt(a, f32x4.mul(d, f32x4.splat(10))));
}

// @ts-ignore: decorator
@inline function indices(x: usize, d: v128): v128 {
  const a = below(f32x4.abs(v128.load(x)), d);
  const b = below(f32x4.abs(v128.load(x, 16)), d);
  const c = below(f32x4.abs(v128.load(x, 32)), d);
  const e = below(f32x4.abs(v128.load(x, 48)), d);
  return i8x16.neg(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, e)));
}

/** ggml's code of one value, by comparing all 16: where values are so far above the scale that distances round. */
function nearestCode(x: f32, d: f32): u32 {
  let code: u32 = 0;
  let least = abs<f32>(x);
  for (let i: u32 = 1; i < 16; i++) {
    const value = <f32>load<u8>(MAGNITUDES + (i & 7)) * d;
    const distance = abs<f32>((i < 8 ? value : -value) - x);
    if (distance < least) {
      code = i;
      least = distance;
    }
  }
  return code;
}

const FAR = memory.data(16, 16);

function farCodes(x: usize, d: f32): v128 {
  for (let i: usize = 0; i < 16; i++) store<u8>(FAR + i, <u8>nearestCode(load<f32>(x + (i << 2)), d));
  return v128.load(FAR);
}

/** Whether midpoints tell the nearest code of values up to `largest`. */
// @ts-ignore: decorator
@inline function isNear(largest: f32, d: f32): bool {
  return largest < d * 1048576;
}

/** Codes of f32 [16] as bytes. */
// @ts-ignore: decorator
@inline export function codes16(x: usize, d: f32, largest: f32): v128 {
  if (!isNear(largest, d)) return farCodes(x, d);
  const index = indices(x, f32x4.splat(d));
  const zero = f32x4.splat(0);
  const a = i16x8.narrow_i32x4_s(f32x4.lt(v128.load(x), zero), f32x4.lt(v128.load(x, 16), zero));
  const b = i16x8.narrow_i32x4_s(f32x4.lt(v128.load(x, 32), zero), f32x4.lt(v128.load(x, 48), zero));
  const negative = v128.and(i8x16.narrow_i16x8_s(a, b), i8x16.ne(index, i8x16.splat(0)));
  return v128.or(index, v128.and(negative, i8x16.splat(8)));
}

/** Adds w (|x| - d l)^2 of f32 [16] to four columns; weights: f32 [16], or 0 for ones. */
// @ts-ignore: decorator
@inline export function addError(columns: v128, x: usize, weights: usize, d: f32, largest: f32): v128 {
  const scale = f32x4.splat(d);
  const index = isNear(largest, d) ? indices(x, scale) : v128.and(farCodes(x, d), i8x16.splat(7));
  const levels = i8x16.swizzle(v128.load(MAGNITUDES), index);
  const low = i16x8.extend_low_i8x16_u(levels);
  const high = i16x8.extend_high_i8x16_u(levels);
  columns = addFour(columns, x, weights, scale, i32x4.extend_low_i16x8_u(low));
  columns = addFour(columns, x + 16, weights ? weights + 16 : 0, scale, i32x4.extend_high_i16x8_u(low));
  columns = addFour(columns, x + 32, weights ? weights + 32 : 0, scale, i32x4.extend_low_i16x8_u(high));
  return addFour(columns, x + 48, weights ? weights + 48 : 0, scale, i32x4.extend_high_i16x8_u(high));
}

// @ts-ignore: decorator
@inline function addFour(columns: v128, x: usize, weights: usize, d: v128, levels: v128): v128 {
  const difference = f32x4.sub(f32x4.abs(v128.load(x)), f32x4.mul(f32x4.convert_i32x4_s(levels), d));
  const square = f32x4.mul(difference, difference);
  return f32x4.add(columns, weights ? f32x4.mul(v128.load(weights), square) : square);
}

// @ts-ignore: decorator
@inline export function sumColumns(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** Whether some of f32 [count] is above zero. count: a multiple of 4. */
export function anyWeight(weights: usize, count: usize): bool {
  let largest = f32x4.splat(0);
  for (let i: usize = 0; i < count << 2; i += 16) largest = f32x4.pmax(largest, v128.load(weights + i));
  return v128.any_true(largest);
}

/** The signed values of 16 codes as bytes; code 8 is 0. */
// @ts-ignore: decorator
@inline export function signedLevels(codes: v128): v128 {
  const magnitude = i8x16.swizzle(v128.load(MAGNITUDES), v128.and(codes, i8x16.splat(7)));
  return v128.bitselect(i8x16.neg(magnitude), magnitude, i8x16.gt_u(codes, i8x16.splat(7)));
}
