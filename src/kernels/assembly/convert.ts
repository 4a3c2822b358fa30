/**
 * float32 to and from 16-bit floats, and nibbles; the readable twin is ../convert.ref.ts.
 * All pointers come from the host. Arrays are read and written four or more values at a time: the host leaves room
 * for a whole vector behind the last value.
 */

// @ts-ignore: decorator
@inline function half(v: v128, largest: v128, overflow: v128): v128 {
  const bits = v128.and(v, i32x4.splat(0x7fffffff));
  const sign = i32x4.shr_u(v128.and(v, i32x4.splat(0x80000000)), 16);
  // Normal: half of the last place, less one when that place is even, then cut.
  const odd = v128.and(i32x4.shr_u(bits, 13), i32x4.splat(1));
  const normal = i32x4.sub(
    i32x4.shr_u(i32x4.add(i32x4.add(bits, odd), i32x4.splat(0x0fff)), 13),
    i32x4.splat((127 - 15) << 10),
  );
  // Subnormal: adding 1/2 puts the last place of the result at the last place of the sum.
  const subnormal = i32x4.sub(f32x4.add(bits, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  let code = v128.bitselect(subnormal, normal, i32x4.lt_u(bits, i32x4.splat(0x38800000)));
  code = v128.bitselect(overflow, code, i32x4.gt_s(code, largest));
  code = v128.bitselect(i32x4.splat(0x7e00), code, i32x4.gt_u(bits, i32x4.splat(0x7f800000)));
  return v128.or(sign, code);
}

/** from: f32 [count]; to: u16 [count]. `saturate`: overflow becomes 65504 and not Inf. */
export function encodeFloat16(from: usize, to: usize, count: i32, saturate: bool): void {
  const largest = i32x4.splat(0x7bff);
  const overflow = i32x4.splat(saturate ? 0x7bff : 0x7c00);
  const end = to + (<usize>count << 1);
  for (; to < end; to += 16, from += 32) {
    const a = half(v128.load(from), largest, overflow);
    const b = half(v128.load(from, 16), largest, overflow);
    v128.store(to, i16x8.narrow_i32x4_u(a, b));
  }
}

// @ts-ignore: decorator
@inline function brain(v: v128, overflow: v128): v128 {
  const bits = v128.and(v, i32x4.splat(0x7fffffff));
  const sign = i32x4.shr_u(v128.and(v, i32x4.splat(0x80000000)), 16);
  const odd = v128.and(i32x4.shr_u(bits, 16), i32x4.splat(1));
  let code = i32x4.shr_u(i32x4.add(i32x4.add(bits, odd), i32x4.splat(0x7fff)), 16);
  code = v128.bitselect(overflow, code, i32x4.gt_s(code, i32x4.splat(0x7f7f)));
  code = v128.bitselect(i32x4.splat(0x7fc0), code, i32x4.gt_u(bits, i32x4.splat(0x7f800000)));
  return v128.or(sign, code);
}

/** from: f32 [count]; to: u16 [count]. */
export function encodeBfloat16(from: usize, to: usize, count: i32, saturate: bool): void {
  const overflow = i32x4.splat(saturate ? 0x7f7f : 0x7f80);
  const end = to + (<usize>count << 1);
  for (; to < end; to += 16, from += 32) {
    v128.store(to, i16x8.narrow_i32x4_u(brain(v128.load(from), overflow), brain(v128.load(from, 16), overflow)));
  }
}

// @ts-ignore: decorator
@inline function unhalf(h: v128): v128 {
  const magnitude = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  // Exponents are 112 apart; the multiplication is exact and mends subnormals on the way.
  const finite = f32x4.mul(magnitude, f32x4.splat(reinterpret<f32>((127 + 112) << 23)));
  const special = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x7c00 << 13)), i32x4.splat(0x7f800000));
  return v128.or(v128.or(finite, special), sign);
}

/** from: u16 [count]; to: f32 [count]. */
export function decodeFloat16(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>count << 1);
  for (; from < end; from += 16, to += 32) {
    const h = v128.load(from);
    v128.store(to, unhalf(i32x4.extend_low_i16x8_u(h)));
    v128.store(to, unhalf(i32x4.extend_high_i16x8_u(h)), 16);
  }
}

/** from: u16 [count]; to: f32 [count]. */
export function decodeBfloat16(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>count << 1);
  for (; from < end; from += 16, to += 32) {
    const h = v128.load(from);
    v128.store(to, i32x4.shl(i32x4.extend_low_i16x8_u(h), 16));
    v128.store(to, i32x4.shl(i32x4.extend_high_i16x8_u(h), 16), 16);
  }
}

/** from: one code per byte [count], the vector behind it zero; to: two codes per byte, low bits first. */
export function packNibbles(from: usize, to: usize, count: i32): void {
  const end = from + <usize>count;
  const low = i16x8.splat(0x000f);
  for (; from < end; from += 32, to += 16) {
    const a = v128.load(from);
    const b = v128.load(from, 16);
    // A 16-bit lane holds two codes: the second one moves down beside the first.
    const first = v128.or(v128.and(a, low), v128.and(i16x8.shr_u(a, 4), i16x8.splat(0x00f0)));
    const second = v128.or(v128.and(b, low), v128.and(i16x8.shr_u(b, 4), i16x8.splat(0x00f0)));
    v128.store(to, i8x16.narrow_i16x8_u(first, second));
  }
}
