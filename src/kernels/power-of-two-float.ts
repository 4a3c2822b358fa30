const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The code that is no number. */
export const E8M0_NAN = 0xff;

/**
 * Which power of two stands for a value between two. up and down: the next one above or below, as scales want it
 * (nothing overflows; OCP MX takes the floor). half-even: the nearer one, of two equally near ones the even code.
 * half-up: then the larger one, as round_mode nearest of ONNX Cast-25.
 */
export type E8m0Rounding = 'up' | 'down' | 'half-even' | 'half-up';

/**
 * Code of one float32 value: 8 exponent bits, no sign, no mantissa, 2^(code - 127). Values below 2^-127, zero among
 * them, become 2^-127. Values above 2^127 saturate, or become NaN. Negative values and NaN are NaN.
 * Source: OCP Microscaling Formats 1.0, section 5.4.1.
 */
export function encodeE8m0(value: number, rounding: E8m0Rounding, saturate = true): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  if (bits > 0x7f800000) return bits === 0x80000000 ? 0 : E8M0_NAN;
  if (bits === 0x7f800000) return saturate ? 0xfe : E8M0_NAN;
  // float32 below 2^-126 has no exponent of its own: 2^-127 is the fraction 0x400000 there.
  const code = bits >>> 23;
  const fraction = bits & 0x7fffff;
  let roundedUp: boolean;
  if (code === 0) {
    // The neighbours are 2^-127 (and nothing below it) and 2^-126; half way is 0x600000.
    if (fraction <= 0x400000) return 0;
    roundedUp = rounding === 'up' || (rounding === 'half-up' && fraction >= 0x600000) || fraction > 0x600000;
  } else if (fraction === 0) {
    return code;
  } else {
    roundedUp =
      rounding === 'up' ||
      fraction > 0x400000 ||
      (fraction === 0x400000 && (rounding === 'half-up' || (code & 1) === 1));
  }
  if (!roundedUp || rounding === 'down') return code;
  return code + 1 < E8M0_NAN ? code + 1 : saturate ? 0xfe : E8M0_NAN;
}

/** The value of one code, exact: 2^-127 to 2^127. */
export function decodeE8m0(code: number): number {
  if (code === E8M0_NAN) return Number.NaN;
  // 2^-127 is subnormal in float32; every other code is its exponent field.
  scratchBits[0] = code === 0 ? 0x400000 : code << 23;
  return scratch[0]!;
}
