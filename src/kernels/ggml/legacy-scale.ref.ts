import { halfBits, halfValue } from './half.ref.ts';

const { fround: f, abs, sqrt, max, min } = Math;

/**
 * The searches of Q4_0, Q5_0 and Q8_0: x ≈ d · l with l in -levels .. levels - 1, d a float16.
 * All arithmetic is float32, one rounding per operation, in the order in which the kernels do it.
 */
export interface ScaleFormat {
  /** 8, 16 or 128. */
  readonly levels: number;
  /**
   * Where best search starts without importance: levels at which the value of largest magnitude would land, as
   * multiples of 2^(bits - 15): it then looks at the values as integers, of which the largest is 2^bits.
   */
  readonly starts: readonly number[];
  readonly bits: number;
  /** Where it starts with importance, which may take all weight from the largest value. */
  readonly weightedStarts: readonly number[];
}

/** Both signs of the scale: the extreme lands near -levels, or near levels - 1. */
function startsOf(levels: number, beyond: readonly number[]): number[] {
  return [...beyond.map((k) => -levels - k), ...beyond.map((k) => levels - 1 + k)];
}
const near = [0, -0.625, -0.3125, 0.5, 0.9375, 1.4375];
const wide = [0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.125, 1.5, 2, 2.75, 3.625];
// Half a step of 8 bits moves every rounding error: one of eight draws is lucky.
const draws = Array.from({ length: 8 }, (_, i) => -128 + i / 2);

export const scaleFormats = {
  q4_0: { levels: 8, starts: startsOf(8, near), bits: 11, weightedStarts: startsOf(8, wide) },
  q5_0: { levels: 16, starts: startsOf(16, near), bits: 11, weightedStarts: startsOf(16, wide) },
  q8_0: { levels: 128, starts: draws, bits: 13, weightedStarts: draws.slice(0, 6) },
} as const satisfies Record<string, ScaleFormat>;

/** A block's scale, as float16 bits. Its codes, l + levels, are in the array that was passed. */
type Scale = number;

const infinite = (x: number): boolean => abs(x) === Number.POSITIVE_INFINITY;

/** The value of largest magnitude; the first of several. */
function extreme(x: Float32Array): number {
  let value = 0;
  for (const v of x) if (abs(v) > abs(value)) value = v;
  return value;
}

/** C's nearest_int of a value cut to the levels; NaN takes the top one. */
function level(v: number, levels: number): number {
  const top = levels - 1;
  return v < top ? f(f(max(v, -levels) + 12582912) - 12582912) : top;
}

/** Without importance: the extreme becomes -levels, the others follow. Source: ggml-quants.c, quantize_row_q4_0_ref. */
export function onePassScale(x: Float32Array, { levels }: ScaleFormat, codes: Uint8Array): Scale {
  const d = f(extreme(x) / -levels);
  const inverse = d === 0 ? 0 : f(1 / d);
  for (let i = 0; i < 32; i++) {
    // A denormal scale has no finite inverse: the codes are what x86 makes of Inf and NaN, cut to a byte.
    codes[i] = infinite(inverse)
      ? 0
      : min(2 * levels - 1, Math.trunc(f(f(x[i]! * inverse) + (levels + 0.5))));
  }
  return halfBits(d);
}

/** [Σ w·x·l, Σ w·l²] of the levels at one inverse scale. */
function sums(
  x: Float32Array,
  weight: Float32Array | undefined,
  inverse: number,
  levels: number,
): [number, number] {
  let xl = 0;
  let ll = 0;
  for (let i = 0; i < 32; i++) {
    const l = level(f(x[i]! * inverse), levels);
    const w = weight?.[i] ?? 1;
    xl = f(xl + f(f(w * x[i]!) * l));
    ll = f(ll + f(f(w * l) * l));
  }
  return [xl, ll];
}

/** The weights of ggml's search: importance · sqrt(mean square of the row + x²); [length]. */
export function searchWeights(x: Float32Array, importance: Float32Array): Float32Array {
  let sum = 0;
  for (const v of x) sum = f(sum + f(v * v));
  const meanSquare = f(sum / x.length);
  return x.map((v, i) => f(importance[i]! * f(sqrt(f(meanSquare + f(v * v))))));
}

/**
 * ggml's search with importance: 19 inverse scales around -levels / extreme, each with its least-squares scale.
 * Source: ggml-quants.c, make_qx_quants with rmse_type 1 and weights.
 */
export function searchedScale(
  x: Float32Array,
  weight: Float32Array,
  { levels }: ScaleFormat,
  codes: Uint8Array,
): Scale {
  const m = extreme(x);
  if (abs(m) < 1e-15) {
    codes.fill(0);
    return 0;
  }
  let kept = f(-levels / m);
  let [xl, ll] = sums(x, weight, kept, levels);
  let scale = ll === 0 ? 0 : f(xl / ll);
  let best = f(scale * xl);
  for (let step = -9; step <= 9; step++) {
    if (step === 0) continue;
    const inverse = f(-f(levels + f(f(0.1) * step)) / m);
    [xl, ll] = sums(x, weight, inverse, levels);
    if (ll > 0 && f(xl * xl) > f(best * ll)) {
      kept = inverse;
      scale = f(xl / ll);
      best = f(scale * xl);
    }
  }
  for (let i = 0; i < 32; i++) codes[i] = level(f(x[i]! * kept), levels) + levels;
  return halfBits(scale);
}

/** The nearest float16 that is finite, as its value; of NaN the largest. */
export function finiteHalf(v: number): number {
  return v < 65504 ? halfValue(halfBits(max(v, -65504))) : 65504;
}

/** The least-squares scale of the start that takes most squared error away, in float32 with weights. */
function scanWeighted(x: Float32Array, m: number, w: Float32Array, format: ScaleFormat): number {
  const { levels, weightedStarts } = format;
  let scale = 0;
  let best = 0;
  for (const start of weightedStarts) {
    const [xl, ll] = sums(x, w, f(start / m), levels);
    const fitted = f(xl / ll);
    const gain = f(fitted * xl);
    if (gain > best) {
      best = gain;
      scale = fitted;
    }
  }
  return scale;
}

/** The same with all weights one, in 16-bit integers. */
function scanPlain(x: Float32Array, m: number, { levels, starts, bits }: ScaleFormat): number {
  const factor = f(2 ** bits / m);
  const integers = x.map((v) => (infinite(factor) ? 0 : f(f(f(v * factor) + 12582912) - 12582912)));
  let scale = 0;
  let best = 0;
  for (const start of starts) {
    const multiplier = start * 2 ** (15 - bits);
    let xl = 0;
    let ll = 0;
    for (const v of integers) {
      const l = max(-levels, min(levels - 1, (v * multiplier + 16384) >> 15));
      xl += v * l;
      ll += l * l;
    }
    const fitted = f(f(xl) / ll);
    const gain = f(fitted * f(xl));
    if (gain > best) {
      best = gain;
      scale = fitted;
    }
  }
  return f(scale * f(m * 2 ** -bits));
}

/**
 * The least Σ w·(x - d·l)²: the start whose least-squares scale takes most away, a step of alternating least squares
 * (levels for that scale, a scale for those levels), and the scale rounded to float16 before the last levels are
 * chosen. The one-pass scale is kept where it is better.
 * @param weight [32], or undefined for ones
 */
export function bestScale(
  x: Float32Array,
  weight: Float32Array | undefined,
  format: ScaleFormat,
  codes: Uint8Array,
): Scale {
  const { levels } = format;
  const m = extreme(x);
  // What no weight looks at is rounded as if all were equal.
  const w = weight && (weight.some((v) => v > 0) ? weight : new Float32Array(32).fill(1));
  const start = w ? scanWeighted(x, m, w, format) : scanPlain(x, m, format);
  const plain = finiteHalf(f(m / -levels));
  const [xl, ll] = sums(x, w, f(1 / start), levels);
  const fitted = finiteHalf(f(xl / ll));
  const gainAt = (d: number, [xl, ll]: [number, number]) => f(d * f(f(xl + xl) - f(d * ll)));
  const better = gainAt(fitted, [xl, ll]) > gainAt(plain, sums(x, w, f(1 / plain), levels));
  const d = better ? fitted : plain;
  for (let i = 0; i < 32; i++) codes[i] = d === 0 ? levels : level(f(x[i]! * f(1 / d)), levels) + levels;
  return halfBits(d);
}
