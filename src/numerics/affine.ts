import {
  decodeTable,
  encodeSmallFloat,
  finiteScale,
  nearest,
  type SmallFloatName,
  smallFloats,
  TINY,
} from '../kernels/index.ts';
import type { RangeChoice, ScaleType } from './scheme.ts';

const f = Math.fround;

/** The codes of an integer format of `bits` bits. */
export interface CodeRange {
  readonly minCode: number;
  readonly maxCode: number;
  /** The code of real 0 when symmetric: 0 for signed codes, 2^(bits - 1) for unsigned ones. */
  readonly symmetricZero: number;
}

/**
 * Codes that a range choice leaves: int8 is -128..127, restricted -127..127, reduced -64..63;
 * uint8 is 0..255, restricted (symmetric only) 1..255 around 128, reduced 0..127 around 64. One bit has no code to
 * spare: int1 is -1 and 0, uint1 is 0 and 1, in any case.
 */
export function integerCodes(bits: number, signed: boolean, choice: Partial<RangeChoice> = {}): CodeRange {
  const half = 2 ** (bits - 1 - (choice.reduced && bits > 2 ? 1 : 0));
  const offset = signed ? 0 : half;
  const least = choice.restricted && bits > 1 && (signed || choice.symmetric) ? 1 - half : -half;
  return { minCode: least + offset, maxCode: half - 1 + offset, symmetricZero: offset };
}

/** Rounded to a small float: not 0 (the smallest subnormal instead), and such that `steps` of it stay finite. */
function roundedScale(scale: number, steps: number, name: SmallFloatName): number {
  const row = smallFloats[name];
  const reals = decodeTable(name);
  let code = encodeSmallFloat(scale, row, true);
  if ((code & ((1 << (row.bits - 1)) - 1)) === 0) code |= 1;
  while (Math.abs(reals[code]!) * steps > MAX_FLOAT32) code--;
  return reals[code]!;
}

const MAX_FLOAT32 = 3.4028234663852886e38;

/** The next power of two: every value that had a code keeps one. */
function powerScale(scale: number, steps: number): number {
  const power = 2 ** Math.ceil(Math.log2(Math.abs(scale)));
  return Math.sign(scale) * (finiteScale(power, steps) < power ? power / 2 : power);
}

const storedAs: Readonly<Record<ScaleType, (scale: number, steps: number) => number>> = {
  float32: (scale) => scale,
  float16: (scale, steps) => roundedScale(scale, steps, 'float16'),
  bfloat16: (scale, steps) => roundedScale(scale, steps, 'bfloat16'),
  // No sign: E8M0 has none.
  float8e8m0: (scale, steps) => powerScale(Math.abs(scale), steps),
  float8e4m3fn: (scale, steps) => roundedScale(scale, steps, 'float8e4m3fn'),
  float8e5m2: (scale, steps) => roundedScale(scale, steps, 'float8e5m2'),
};

/**
 * A scale as it will be stored: not 0, of the type and kind the scheme asks for, and such that `steps` steps are
 * still finite.
 */
export function storedScale(scale: number, steps: number, choice: Partial<RangeChoice>): number {
  const finite = finiteScale(f(scale), steps);
  const kept = choice.powerOfTwo ? powerScale(finite, steps) : finite;
  return storedAs[choice.scaleType ?? 'float32'](kept, steps);
}

/** How far codes go from a zero point. */
export function stepsFrom(zeroPoint: number, { minCode, maxCode }: CodeRange): number {
  return Math.max(maxCode - zeroPoint, zeroPoint - minCode);
}

/**
 * Scale and zero point of a range, in float32 as ONNX computes them. The range is widened to hold 0, which is
 * always exactly a code. An empty or vanishing range gets scale 1. `codes` from `integerCodes`.
 */
export function affineFromRange(
  range: { readonly min: number; readonly max: number },
  codes: CodeRange,
  choice: RangeChoice,
): { scale: number; zeroPoint: number } {
  const low = Math.min(0, f(range.min));
  const high = Math.max(0, f(range.max));
  const largest = Math.max(-low, high);
  const { minCode, maxCode, symmetricZero } = codes;
  if (choice.symmetric) {
    const steps = Math.min(maxCode - symmetricZero, symmetricZero - minCode);
    // One bit has no code above zero: the sign of the scale puts the larger side on the one below.
    const step = steps > 0 ? f(largest / steps) : high >= -low ? -largest : largest;
    const scale = largest < TINY ? 1 : storedScale(step, stepsFrom(symmetricZero, codes), choice);
    return { scale, zeroPoint: symmetricZero };
  }
  if (largest < TINY) return { scale: 1, zeroPoint: Math.max(minCode, Math.min(maxCode, 0)) };
  // In doubles: max - min of two huge float32 may not fit in one.
  const full = f((high - low) / (maxCode - minCode));
  const zeroOf = (scale: number) =>
    Math.max(minCode, Math.min(maxCode, nearest(f(minCode - f(low / scale)))));
  const scale = storedScale(full, stepsFrom(zeroOf(full), codes), choice);
  return { scale, zeroPoint: zeroOf(scale) };
}
