/** ggml types with one scale, or a scale and a minimum, per 32 values; the readable twins are ../ggml/<type>.ref.ts. */
import { halfBits, halfValue } from './shared/half';

export * from './shared/block-io';

// @ts-ignore: decorator
@inline function largest4(v: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max<f32>(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** C's roundf of small numbers, as int32: halves away from zero. */
// @ts-ignore: decorator
@inline function round4(v: v128): v128 {
  // floor(|x| + 1/2) would round 0.49999997 up: compare the fraction that truncation left instead.
  const whole = f32x4.trunc(v);
  const fraction = f32x4.abs(f32x4.sub(v, whole));
  const away = v128.and(f32x4.ge(fraction, f32x4.splat(0.5)), v128.or(f32x4.splat(1), v128.and(v, f32x4.splat(-0.0))));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(whole, away));
}

/** values: f32 [rows, length]; bytes: the blocks; importance is not looked at. */
export function encode_q8_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  const end = values + (<usize>rows * <usize>length << 2);
  for (; values < end; values += 128, bytes += 34) {
    let m = f32x4.splat(0);
    for (let i: usize = 0; i < 128; i += 16) m = f32x4.pmax(m, f32x4.abs(v128.load(values + i)));
    const d: f32 = largest4(m) / 127;
    // A denormal d has no finite inverse; ggml's codes are then what x86 makes of Inf and NaN, cut to 8 bits: 0.
    const reciprocal: f32 = 1 / d;
    const inverse = f32x4.splat(reciprocal == f32.POSITIVE_INFINITY ? 0 : reciprocal);
    store<u16>(bytes, <u16>halfBits(d));
    for (let i: usize = 0; i < 2; i++) {
      const from = values + (i << 6);
      const a = round4(f32x4.mul(v128.load(from), inverse));
      const b = round4(f32x4.mul(v128.load(from, 16), inverse));
      const c = round4(f32x4.mul(v128.load(from, 32), inverse));
      const e = round4(f32x4.mul(v128.load(from, 48), inverse));
      const q = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, e));
      v128.store(bytes + 2 + (i << 4), q);
    }
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_q8_0(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 128, bytes += 34) {
    const d = f32x4.splat(halfValue(load<u16>(bytes)));
    for (let i: usize = 0; i < 32; i += 8) {
      const q = v128.load8x8_s(bytes + 2 + i);
      v128.store(values + (i << 2), f32x4.mul(d, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(q))));
      v128.store(values + (i << 2), f32x4.mul(d, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(q))), 16);
    }
  }
}
