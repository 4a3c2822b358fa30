/** Values to codes under given scales; the readable twin is ../quantize-affine.ref.ts. */

// The codes of one call. Globals belong to the instance.
let lowest: f32 = 0;
let highest: f32 = 0;

// @ts-ignore: decorator
@inline function levels(at: usize, step: v128, zero: v128, low: v128, high: v128): v128 {
  const code = f32x4.add(f32x4.nearest(f32x4.div(v128.load(at), step)), zero);
  return i32x4.trunc_sat_f32x4_s(f32x4.pmin(high, f32x4.pmax(low, code)));
}

/** Codes of one block; `bytes` of a code and `signed` choose the narrowing. */
// @ts-ignore: decorator
@inline function quantizeBlock(at: usize, n: i32, to: usize, step: f32, zeroPoint: f32, bytes: i32, signed: bool): void {
  const scale = f32x4.splat(step);
  const zero = f32x4.splat(zeroPoint);
  const low = f32x4.splat(lowest);
  const high = f32x4.splat(highest);
  let i = 0;
  if (bytes == 1) {
    for (; i + 16 <= n; i += 16) {
      const a = i16x8.narrow_i32x4_s(levels(at, scale, zero, low, high), levels(at + 16, scale, zero, low, high));
      const b = i16x8.narrow_i32x4_s(levels(at + 32, scale, zero, low, high), levels(at + 48, scale, zero, low, high));
      v128.store(to, signed ? i8x16.narrow_i16x8_s(a, b) : i8x16.narrow_i16x8_u(a, b));
      at += 64;
      to += 16;
    }
  } else {
    for (; i + 8 <= n; i += 8) {
      const a = levels(at, scale, zero, low, high);
      const b = levels(at + 16, scale, zero, low, high);
      v128.store(to, signed ? i16x8.narrow_i32x4_s(a, b) : i16x8.narrow_i32x4_u(a, b));
      at += 32;
      to += 16;
    }
  }
  for (; i < n; i++) {
    const code = i32(max(lowest, min(highest, nearest(load<f32>(at) / step) + zeroPoint)));
    if (bytes == 1) store<u8>(to, <u8>code);
    else store<u16>(to, <u16>code);
    at += 4;
    to += <usize>bytes;
  }
}

/** values: f32 [rows, length]; scale, zero: f32 [rows, ceil(length / block)]; codes: [rows, length]. */
export function quantize(
  minCode: f32,
  maxCode: f32,
  values: usize,
  scale: usize,
  zero: usize,
  codes: usize,
  rows: i32,
  length: i32,
  block: i32,
  bytes: i32,
  signed: bool,
): void {
  lowest = minCode;
  highest = maxCode;
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block) {
      const n = min(block, length - start);
      const step = load<f32>(scale);
      const z = load<f32>(zero);
      if (bytes == 1) {
        if (signed) quantizeBlock(values, n, codes, step, z, 1, true);
        else quantizeBlock(values, n, codes, step, z, 1, false);
      } else if (signed) quantizeBlock(values, n, codes, step, z, 2, true);
      else quantizeBlock(values, n, codes, step, z, 2, false);
      values += <usize>n << 2;
      codes += <usize>(n * bytes);
      scale += 4;
      zero += 4;
    }
  }
}
