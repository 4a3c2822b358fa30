/** values: f32 [16] at `to`; codes are signed bytes, a value is d * code, plus m where `affine`. */
// @ts-ignore: decorator
@inline export function decode16(affine: bool, codes: v128, d: v128, m: v128, to: usize): void {
  const low = i16x8.extend_low_i8x16_s(codes);
  const high = i16x8.extend_high_i8x16_s(codes);
  for (let i: usize = 0; i < 64; i += 16) {
    const half = i < 32 ? low : high;
    const code = i & 16 ? i32x4.extend_high_i16x8_s(half) : i32x4.extend_low_i16x8_s(half);
    const scaled = f32x4.mul(d, f32x4.convert_i32x4_s(code));
    v128.store(to + i, affine ? f32x4.add(scaled, m) : scaled);
  }
}
