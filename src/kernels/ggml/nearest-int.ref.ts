const scratch = new DataView(new ArrayBuffer(4));

/**
 * ggml's nearest whole number, halves to even: the low bits of x + 1.5 * 2^23 as a float32. Beyond 2^22, where that
 * no longer is the nearest, and for Inf and NaN, the result is what those bits give.
 */
export function nearestInt(x: number): number {
  scratch.setFloat32(0, Math.fround(x + 12582912));
  return (scratch.getInt32(0) & 0x007fffff) - 0x00400000;
}
