/** Codes of values under given scales: ONNX QuantizeLinear, bit for bit. Twin of assembly/quantize-affine.ts. */

const f = Math.fround;

/** Nearest integer, ties to even, of a float32 of any size. */
export function nearestEven(x: number): number {
  if (!(Math.abs(x) < 4194304)) return x;
  return f(f(x + 12582912) - 12582912);
}

/** code = clamp(nearest(value / scale) + zeroPoint). */
export function quantizeAffineRef(
  values: Float32Array, // [rows, length], finite
  rows: number,
  length: number,
  block: number,
  scale: Float32Array, // [rows, ceil(length / block)]
  zero: Float32Array, // like scale
  minCode: number,
  maxCode: number,
  codes: { [index: number]: number }, // [rows, length]
): void {
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, at++) {
      const step = scale[at]!;
      const zeroPoint = zero[at]!;
      const to = row * length + Math.min(start + block, length);
      for (let i = row * length + start; i < to; i++) {
        const code = nearestEven(f(values[i]! / step)) + zeroPoint;
        codes[i] = Math.max(minCode, Math.min(maxCode, code));
      }
    }
  }
}
