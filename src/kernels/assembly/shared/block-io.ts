/**
 * What every module of block formats exports beside its types: where the host may put data, and the conversions
 * between stored floats and the float32 that the types work on. All pointers are 16-byte aligned; arrays are read
 * and written a vector at a time, the host leaves room for one more vector behind each.
 */
import { half4, unhalf4, unhalfFinite4 } from './half';

/** First byte that the host may use; the module's own tables and scratch lie below. */
export function workspace(): usize {
  return (__heap_base + 63) & ~63;
}

/** from: u16 [count]; to: f32 [count]. They may not overlap. */
export function widenFloat16(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>count << 1);
  for (; from < end; from += 16, to += 32) {
    const h = v128.load(from);
    v128.store(to, unhalf4(i32x4.extend_low_i16x8_u(h)));
    v128.store(to, unhalf4(i32x4.extend_high_i16x8_u(h)), 16);
  }
}

/** The same for values that are neither Inf nor NaN. */
export function widenFiniteFloat16(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>count << 1);
  for (; from < end; from += 16, to += 32) {
    const h = v128.load(from);
    v128.store(to, unhalfFinite4(i32x4.extend_low_i16x8_u(h)));
    v128.store(to, unhalfFinite4(i32x4.extend_high_i16x8_u(h)), 16);
  }
}

/** from: u16 [count]; to: f32 [count]. */
export function widenBfloat16(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>count << 1);
  for (; from < end; from += 16, to += 32) {
    const h = v128.load(from);
    v128.store(to, i32x4.shl(i32x4.extend_low_i16x8_u(h), 16));
    v128.store(to, i32x4.shl(i32x4.extend_high_i16x8_u(h), 16), 16);
  }
}

/** from: f32 [count]; to: u16 [count], to nearest even, overflow becomes Inf. */
export function narrowFloat16(from: usize, to: usize, count: i32): void {
  const end = to + (<usize>count << 1);
  for (; to < end; to += 16, from += 32) {
    v128.store(to, i16x8.narrow_i32x4_u(half4(v128.load(from)), half4(v128.load(from, 16))));
  }
}

// @ts-ignore: decorator
@inline function brain4(v: v128): v128 {
  const odd = v128.and(i32x4.shr_u(v, 16), i32x4.splat(1));
  const code = i32x4.shr_u(i32x4.add(i32x4.add(v, odd), i32x4.splat(0x7fff)), 16);
  const quiet = v128.or(i32x4.shr_u(v, 16), i32x4.splat(64));
  return v128.bitselect(quiet, code, i32x4.gt_u(v128.and(v, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000)));
}

/** from: f32 [count]; to: u16 [count], to nearest even; NaN stays NaN, quiet. */
export function narrowBfloat16(from: usize, to: usize, count: i32): void {
  const end = to + (<usize>count << 1);
  for (; to < end; to += 16, from += 32) {
    v128.store(to, i16x8.narrow_i32x4_u(brain4(v128.load(from)), brain4(v128.load(from, 16))));
  }
}

/** The largest magnitude of u16 [count] float16 or bfloat16 as its bits; what lies in the last vector counts too. */
export function largest16(from: usize, count: i32): i32 {
  const magnitude = i16x8.splat(0x7fff);
  const end = from + (<usize>count << 1);
  let m = i16x8.splat(0);
  for (; from < end; from += 16) m = i16x8.max_s(m, v128.and(v128.load(from), magnitude));
  m = i16x8.max_s(m, i8x16.shuffle(m, m, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  m = i16x8.max_s(m, i8x16.shuffle(m, m, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  m = i16x8.max_s(m, i8x16.shuffle(m, m, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return i16x8.extract_lane_s(m, 0);
}

/** The largest magnitude of f32 [count] as its bits; what lies in the last vector counts too. */
export function largest32(from: usize, count: i32): i32 {
  const magnitude = i32x4.splat(0x7fffffff);
  const end = from + (<usize>count << 2);
  let m = i32x4.splat(0);
  for (; from < end; from += 16) m = i32x4.max_s(m, v128.and(v128.load(from), magnitude));
  return max<i32>(
    max<i32>(i32x4.extract_lane(m, 0), i32x4.extract_lane(m, 1)),
    max<i32>(i32x4.extract_lane(m, 2), i32x4.extract_lane(m, 3)),
  );
}

/** Index of the first NaN or Inf in f32 [count]; -1 when all are finite. */
export function firstNotFinite(values: usize, count: i32): i32 {
  const exponent = i32x4.splat(0x7f800000);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const bits = v128.and(v128.load(values + (<usize>i << 2)), exponent);
    if (v128.any_true(i32x4.eq(bits, exponent))) break;
  }
  for (; i < count; i++) if ((load<u32>(values + (<usize>i << 2)) & 0x7f800000) == 0x7f800000) return i;
  return -1;
}
