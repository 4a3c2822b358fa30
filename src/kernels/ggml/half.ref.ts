const scratch = new DataView(new ArrayBuffer(4));

/** float32 -> float16 bits, to nearest even; overflow becomes Inf. */
export function halfBits(value: number): number {
  scratch.setFloat32(0, value);
  const word = scratch.getUint32(0);
  const sign = (word >>> 16) & 0x8000;
  const bits = word & 0x7fffffff;
  if (bits > 0x7f800000) return sign | 0x7e00;
  if (bits >= 0x477ff000) return sign | 0x7c00;
  if (bits < 0x38800000) {
    // Adding 1/2 puts the last place of the result at the last place of the sum.
    scratch.setFloat32(0, Math.fround(Math.abs(value) + 0.5));
    return sign | (scratch.getUint32(0) - 0x3f000000);
  }
  return sign | ((bits + 0x0fff + ((bits >>> 13) & 1) - ((127 - 15) << 23)) >>> 13);
}

/** float16 bits -> its value. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
