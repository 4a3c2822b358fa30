/** Values to codes under given scales, and back; the readable twins are ../quantize-affine.ref.ts, ../uniform-cells.ref.ts. */

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

// Shapes and roundings, as the host numbers them.
const TREAD: i32 = 0;
const RISE: i32 = 1;
const HALF_EVEN: i32 = 0;
const HALF_AWAY: i32 = 1;
const STOCHASTIC: i32 = 2;

// What the cells of one call share: set by `configureCells`.
let shape: i32 = 0;
let margin: f32 = 0;
let realZero: bool = false;
let rounding: i32 = 0;
let key: i32 = 0;

export function configureCells(ofShape: i32, ofMargin: f32, hasRealZero: bool, ofRounding: i32, ofKey: i32): void {
  shape = ofShape;
  margin = ofMargin;
  realZero = hasRealZero;
  rounding = ofRounding;
  key = ofKey;
}

/** Four random numbers in [0, 1), of the places in the lanes. */
// @ts-ignore: decorator
@inline function randomAt(places: v128): v128 {
  let h = v128.xor(places, i32x4.splat(key));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x7feb352d));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), i32x4.splat(0x846ca68b));
  h = v128.xor(h, i32x4.shr_u(h, 16));
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(h, 8)), f32x4.splat(0.000000059604644775390625));
}

// @ts-ignore: decorator
@inline function roundCells(t: v128, places: v128, mask: usize): v128 {
  if (rounding == HALF_EVEN) return f32x4.nearest(t);
  const one = f32x4.splat(1);
  if (rounding == HALF_AWAY) {
    const whole = f32x4.trunc(t);
    const away = v128.or(one, v128.and(t, f32x4.splat(-0.0)));
    return f32x4.add(whole, v128.and(away, f32x4.ge(f32x4.abs(f32x4.sub(t, whole)), f32x4.splat(0.5))));
  }
  const below = f32x4.floor(t);
  if (rounding == STOCHASTIC) {
    return f32x4.add(below, v128.and(one, f32x4.gt(f32x4.sub(t, below), randomAt(places))));
  }
  const up = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load_zero<u32>(mask)));
  return f32x4.add(below, f32x4.convert_i32x4_s(up));
}

/** Codes of four values, clamped. */
// @ts-ignore: decorator
@inline function cells(at: usize, step: v128, zero: v128, places: v128, mask: usize): v128 {
  const t = f32x4.div(v128.load(at), step);
  let code: v128;
  if (shape == TREAD) {
    code = realZero ? roundCells(f32x4.add(t, zero), places, mask) : f32x4.add(roundCells(t, places, mask), zero);
  } else if (shape == RISE) {
    if (rounding >= STOCHASTIC) {
      code = roundCells(f32x4.sub(t, f32x4.splat(0.5)), places, mask);
    } else {
      // Towards 0, and one further where negative: the mirror image of floor.
      code = f32x4.add(f32x4.trunc(t), v128.and(f32x4.splat(-1), f32x4.lt(t, f32x4.splat(0))));
    }
    code = f32x4.add(code, zero);
  } else {
    const out = f32x4.pmax(
      f32x4.splat(0),
      roundCells(f32x4.sub(f32x4.abs(t), f32x4.splat(margin)), places, mask),
    );
    code = f32x4.add(v128.bitselect(f32x4.neg(out), out, f32x4.lt(t, f32x4.splat(0))), zero);
  }
  return i32x4.trunc_sat_f32x4_s(f32x4.pmin(f32x4.splat(highest), f32x4.pmax(f32x4.splat(lowest), code)));
}

/**
 * values: f32 [rows, length]; scale, zero: f32 [rows, ceil(length / block)]; mask: u8 [rows, length];
 * codes: [rows, length] of `bytes`; `first`: place of the first value. Reads up to three values behind the last.
 */
export function quantizeCells(
  minCode: f32,
  maxCode: f32,
  values: usize,
  scale: usize,
  zero: usize,
  mask: usize,
  codes: usize,
  rows: i32,
  length: i32,
  block: i32,
  bytes: i32,
  first: i32,
): void {
  lowest = minCode;
  highest = maxCode;
  let place = first;
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block) {
      const n = min(block, length - start);
      const step = v128.load32_splat(scale);
      const z = v128.load32_splat(zero);
      let places = i32x4.add(i32x4.splat(place), i32x4(0, 1, 2, 3));
      for (let i = 0; i < n; i += 4) {
        let four = cells(values, step, z, places, mask);
        four =
          bytes == 1
            ? i8x16.shuffle(four, four, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12)
            : i8x16.shuffle(four, four, 0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13);
        const rest = min(4, n - i);
        if (rest == 4) {
          if (bytes == 1) v128.store_lane<u32>(codes, four, 0);
          else v128.store_lane<u64>(codes, four, 0);
        } else if (bytes == 1) {
          let packed = i32x4.extract_lane(four, 0);
          for (let k = 0; k < rest; k++, packed >>= 8) store<u8>(codes + <usize>k, <u8>packed);
        } else {
          let packed = i64x2.extract_lane(four, 0);
          for (let k = 0; k < rest; k++, packed >>= 16) store<u16>(codes + <usize>(k << 1), <u16>packed);
        }
        values += <usize>rest << 2;
        mask += <usize>rest;
        codes += <usize>(rest * bytes);
        places = i32x4.add(places, i32x4.splat(4));
      }
      place += n;
      scale += 4;
      zero += 4;
    }
  }
}

/** Reals of four codes. */
// @ts-ignore: decorator
@inline function reals(four: v128, step: v128, zero: v128, moved: v128): v128 {
  const level = f32x4.sub(f32x4.convert_i32x4_s(four), zero);
  // The margin with the level's sign, where the level is not 0.
  const out = v128.or(moved, v128.and(level, f32x4.splat(-0.0)));
  return f32x4.mul(f32x4.add(level, v128.and(out, f32x4.ne(level, f32x4.splat(0)))), step);
}

// @ts-ignore: decorator
@inline function lastReal(code: f32, step: f32, zero: f32, moved: f32): f32 {
  const level = code - zero;
  return (level == 0 ? level : level < 0 ? level - moved : level + moved) * step;
}

// @ts-ignore: decorator
@inline function dequantizeBlock(codes: usize, n: i32, to: usize, step: f32, zero: f32, moved: f32, bytes: i32, signed: bool): void {
  const scale = f32x4.splat(step);
  const zeros = f32x4.splat(zero);
  const margins = f32x4.splat(moved);
  let i = 0;
  if (bytes == 1) {
    for (; i + 16 <= n; i += 16) {
      const all = v128.load(codes);
      const low = signed ? i16x8.extend_low_i8x16_s(all) : i16x8.extend_low_i8x16_u(all);
      const high = signed ? i16x8.extend_high_i8x16_s(all) : i16x8.extend_high_i8x16_u(all);
      v128.store(to, reals(i32x4.extend_low_i16x8_s(low), scale, zeros, margins));
      v128.store(to, reals(i32x4.extend_high_i16x8_s(low), scale, zeros, margins), 16);
      v128.store(to, reals(i32x4.extend_low_i16x8_s(high), scale, zeros, margins), 32);
      v128.store(to, reals(i32x4.extend_high_i16x8_s(high), scale, zeros, margins), 48);
      codes += 16;
      to += 64;
    }
    for (; i < n; i++, codes++, to += 4) {
      const code = signed ? <f32>load<i8>(codes) : <f32>load<u8>(codes);
      store<f32>(to, lastReal(code, step, zero, moved));
    }
    return;
  }
  for (; i + 8 <= n; i += 8) {
    const all = v128.load(codes);
    const low = signed ? i32x4.extend_low_i16x8_s(all) : i32x4.extend_low_i16x8_u(all);
    const high = signed ? i32x4.extend_high_i16x8_s(all) : i32x4.extend_high_i16x8_u(all);
    v128.store(to, reals(low, scale, zeros, margins));
    v128.store(to, reals(high, scale, zeros, margins), 16);
    codes += 16;
    to += 32;
  }
  for (; i < n; i++, codes += 2, to += 4) {
    const code = signed ? <f32>load<i16>(codes) : <f32>load<u16>(codes);
    store<f32>(to, lastReal(code, step, zero, moved));
  }
}

/** codes: [rows, length] of `bytes`; scale, zero: f32 [rows, ceil(length / block)]; to: f32 [rows, length]. */
export function dequantize(
  codes: usize,
  scale: usize,
  zero: usize,
  moved: f32,
  to: usize,
  rows: i32,
  length: i32,
  block: i32,
  bytes: i32,
  signed: bool,
): void {
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block) {
      const n = min(block, length - start);
      const step = load<f32>(scale);
      const z = load<f32>(zero);
      if (bytes == 1) {
        if (signed) dequantizeBlock(codes, n, to, step, z, moved, 1, true);
        else dequantizeBlock(codes, n, to, step, z, moved, 1, false);
      } else if (signed) dequantizeBlock(codes, n, to, step, z, moved, 2, true);
      else dequantizeBlock(codes, n, to, step, z, moved, 2, false);
      codes += <usize>(n * bytes);
      to += <usize>n << 2;
      scale += 4;
      zero += 4;
    }
  }
}
