/** Between float32 and 16-bit floats; the readable twins are ../../ggml/half.ref.ts and ../../convert.ref.ts. */

/** float32 -> float16 bits, to nearest even; overflow becomes Inf. */
// @ts-ignore: decorator
@inline export function halfBits(value: f32): u32 {
  const word = reinterpret<u32>(value);
  const sign = (word >>> 16) & 0x8000;
  const bits = word & 0x7fffffff;
  if (bits < 0x38800000) return sign | (reinterpret<u32>(abs<f32>(value) + 0.5) - 0x3f000000);
  if (bits >= 0x477ff000) return sign | (bits > 0x7f800000 ? 0x7e00 : 0x7c00);
  return sign | ((bits + 0x0fff + ((bits >>> 13) & 1) - ((127 - 15) << 23)) >>> 13);
}

// @ts-ignore: decorator
@inline export function unhalf4(h: v128): v128 {
  const magnitude = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  // Exponents are 112 apart; the multiplication is exact and mends subnormals on the way.
  const finite = f32x4.mul(magnitude, f32x4.splat(reinterpret<f32>((127 + 112) << 23)));
  const special = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x7c00 << 13)), i32x4.splat(0x7f800000));
  return v128.or(v128.or(finite, special), sign);
}

/** The same for values that are neither Inf nor NaN. */
// @ts-ignore: decorator
@inline export function unhalfFinite4(h: v128): v128 {
  const magnitude = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  return v128.or(f32x4.mul(magnitude, f32x4.splat(reinterpret<f32>((127 + 112) << 23))), sign);
}

/** float16 bits -> its value. Scales are often subnormal, and arithmetic on subnormal float32 is slow: none here. */
// @ts-ignore: decorator
@inline export function halfValue(bits: u32): f32 {
  const magnitude = bits & 0x7fff;
  const finite: f32 = magnitude < 0x0400
    ? <f32>magnitude * reinterpret<f32>((127 - 24) << 23)
    : reinterpret<f32>((magnitude << 13) + (112 << 23));
  const special: u32 = magnitude >= 0x7c00 ? 0x7f800000 : 0;
  return reinterpret<f32>(reinterpret<u32>(finite) | special | ((bits & 0x8000) << 16));
}

/** float32 [4] -> float16 bits in 32-bit lanes, to nearest even. */
// @ts-ignore: decorator
@inline export function half4(v: v128): v128 {
  const bits = v128.and(v, i32x4.splat(0x7fffffff));
  const sign = i32x4.shr_u(v128.and(v, i32x4.splat(0x80000000)), 16);
  const odd = v128.and(i32x4.shr_u(bits, 13), i32x4.splat(1));
  const normal = i32x4.sub(
    i32x4.shr_u(i32x4.add(i32x4.add(bits, odd), i32x4.splat(0x0fff)), 13),
    i32x4.splat((127 - 15) << 10),
  );
  const subnormal = i32x4.sub(f32x4.add(bits, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  let code = v128.bitselect(subnormal, normal, i32x4.lt_u(bits, i32x4.splat(0x38800000)));
  code = v128.bitselect(i32x4.splat(0x7c00), code, i32x4.gt_s(code, i32x4.splat(0x7bff)));
  code = v128.bitselect(i32x4.splat(0x7e00), code, i32x4.gt_u(bits, i32x4.splat(0x7f800000)));
  return v128.or(sign, code);
}
