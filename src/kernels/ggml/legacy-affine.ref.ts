import { halfBits } from './half.ref.ts';
import { searchGroup } from './k-affine-search.ref.ts';
import { finiteHalf } from './legacy-scale.ref.ts';

const { fround: f, max, min } = Math;

/**
 * The searches of Q4_1 and Q5_1: x ≈ d · l + m with l in 0..top, d and m float16. All arithmetic is float32, one
 * rounding per operation, in the order in which the kernels do it.
 */
export interface AffineScale {
  /** float16 bits. */
  readonly d: number;
  readonly m: number;
}

/** A level: 15 or 31. */
type Top = 15 | 31;

/** The smallest and the largest value; of zeros of both signs, the first. */
function range(x: Float32Array): [number, number] {
  let low = x[0]!;
  let high = x[0]!;
  for (const v of x) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}

/** The nearest of 0..top; NaN takes the top. */
function level(v: number, top: Top): number {
  return v < top ? f(f(max(v, 0) + 12582912) - 12582912) : top;
}

/** Without importance: 0 and top are the ends of the range. Source: ggml-quants.c, quantize_row_q4_1_ref. */
export function onePassAffine(x: Float32Array, top: Top, codes: Uint8Array): AffineScale {
  const [low, high] = range(x);
  const d = f(f(high - low) / top);
  const inverse = d === 0 ? 0 : f(1 / d);
  for (let i = 0; i < 32; i++) {
    const v = f(f(f(x[i]! - low) * inverse) + 0.5);
    // A denormal scale has no finite inverse: the codes are what x86 makes of Inf and NaN, cut to a byte.
    codes[i] = inverse === Number.POSITIVE_INFINITY || Number.isNaN(v) ? 0 : min(top, Math.trunc(v));
  }
  return { d: halfBits(d), m: halfBits(low) };
}

/** ggml's search with importance: least-squares scale and minimum at 37 inverse scales. */
export function searchedAffine(
  x: Float32Array,
  weight: Float32Array,
  top: Top,
  codes: Uint8Array,
): AffineScale {
  const found = searchGroup(x, weight, top, { first: -0.9, step: 0.05, steps: 36, absolute: false });
  codes.set(found.codes);
  return { d: halfBits(found.scale), m: halfBits(-found.minimum) };
}

/**
 * Where best search starts: how far, in steps of the plain scale, each end of the range moves inwards. Of a grid of
 * 17 x 17, each is the one that helped most beside those before it, over Gaussian values and trained weights.
 */
const starts = [
  [0.2, 0.1],
  [-0.1, 0.4],
  [0.4, -0.1],
  [0, 0.2],
  [-0.3, 0.5],
  [0, -0.2],
  [0.5, 0.3],
  [0.5, -0.2],
] as const;
/** The same with importance, which may take all weight from the ends: every pair of these. */
const insets = [-0.2, 0.1, 0.45, 0.9, 1.5, 2.3];
/** Best search without importance looks at the values as integers: the range is 2^11 or 2^12 of them. */
const bitsOf = { 15: 11, 31: 12 } as const;

/** A scale, and a minimum counted from the middle of the range. */
type Fit = readonly [d: number, m: number];
/** Σ w·l, Σ w·l², Σ w·y·l. */
type Sums = readonly [l: number, ll: number, yl: number];

/** Sums over the levels of (y - from) · inverse. */
function sums(y: Float32Array, w: Float32Array | undefined, inverse: number, from: number, top: Top): Sums {
  let sumL = 0;
  let sumLL = 0;
  let sumYL = 0;
  for (let i = 0; i < 32; i++) {
    const l = level(f(f(y[i]! - from) * inverse), top);
    const wl = f((w?.[i] ?? 1) * l);
    sumL = f(sumL + wl);
    sumLL = f(sumLL + f(wl * l));
    sumYL = f(sumYL + f(y[i]! * wl));
  }
  return [sumL, sumLL, sumYL];
}

/** The least-squares fit of the start that takes most squared error away, in float32 with weights. */
function scanWeighted(
  y: Float32Array,
  w: Float32Array,
  [sumW, sumY]: readonly [number, number],
  bottom: number,
  step: number,
  top: Top,
): Fit {
  let scale = 0;
  let minimum = f(sumY / sumW);
  let best = f(minimum * sumY);
  for (const a of insets) {
    for (const b of insets) {
      const inverse = f(f(top / f(f(top - f(a)) - f(b))) / step);
      const [l, ll, yl] = sums(y, w, inverse, f(bottom + f(f(a) * step)), top);
      const determinant = f(f(sumW * ll) - f(l * l));
      const d = f(f(f(sumW * yl) - f(l * sumY)) / determinant);
      const m = f(f(sumY - f(d * l)) / sumW);
      const gain = f(f(d * yl) + f(m * sumY));
      if (determinant > 0 && gain > best) {
        best = gain;
        scale = d;
        minimum = m;
      }
    }
  }
  return [scale, minimum];
}

/** The same with all weights one, in 16-bit integers. */
function scanPlain(x: Float32Array, low: number, range: number, bottom: number, top: Top): Fit {
  const bits = bitsOf[top];
  const whole = 2 ** bits;
  const factor = f(whole / range);
  const usable = factor < Number.POSITIVE_INFINITY;
  const integers = x.map((v) => (usable ? f(f(f(f(v - low) * factor) + 12582912) - 12582912) : 0));
  let sumY = 0;
  for (const v of integers) sumY += v;
  let slope = 0;
  let sumL = 0;
  let best = 0;
  for (const [a, b] of starts) {
    const from = Math.trunc(f(f(f(f(a) * whole) / top) + 2048.5)) - 2048;
    const reach = f(f(top - f(a)) - f(b));
    const multiplier = Math.trunc(f(f(f(f(top * top) * 2 ** (15 - bits)) / reach) + 0.5));
    let l1 = 0;
    let ll = 0;
    let yl = 0;
    for (const v of integers) {
      const l = max(0, min(top, ((v - from) * multiplier + 16384) >> 15));
      l1 += l;
      ll += l * l;
      yl += v * l;
    }
    const numerator = f(32 * yl - l1 * sumY);
    const d = f(numerator / (32 * ll - l1 * l1));
    const gain = f(d * numerator);
    if (gain > best) {
      best = gain;
      slope = d;
      sumL = l1;
    }
  }
  const unit = f(range / whole);
  const minimum = f(f(sumY - f(slope * sumL)) * 0.03125);
  return [f(slope * unit), f(bottom + f(minimum * unit))];
}

/**
 * The least Σ w·(x - d·l - m)²: the range with its ends moved in several ways, each with its least-squares scale and
 * minimum; a step of alternating least squares on the best; the minimum rounded to float16, the scale fitted to it
 * and rounded, the last levels chosen. The one-pass result is kept where it is better.
 * @param weight [32], or undefined for ones
 */
export function bestAffine(
  x: Float32Array,
  weight: Float32Array | undefined,
  top: Top,
  codes: Uint8Array,
): AffineScale {
  const [low, high] = range(x);
  const middle = f(f(low + high) * 0.5);
  const bottom = f(low - middle);
  const step = f(f(high - low) / top);
  const y = x.map((v) => v - middle);
  // What no weight looks at is rounded as if all were equal.
  const w = weight && (weight.some((v) => v > 0) ? weight : new Float32Array(32).fill(1));
  let sumW = 0;
  let sumY = 0;
  for (let i = 0; i < 32; i++) {
    sumW = f(sumW + (w?.[i] ?? 1));
    sumY = f(sumY + f((w?.[i] ?? 1) * y[i]!));
  }
  let [scale, minimum] = w
    ? scanWeighted(y, w, [sumW, sumY], bottom, step, top)
    : scanPlain(x, low, f(high - low), bottom, top);

  const [l, ll, yl] = sums(y, w, f(1 / scale), minimum, top);
  const determinant = f(f(sumW * ll) - f(l * l));
  if (determinant > 0) {
    scale = f(f(f(sumW * yl) - f(l * sumY)) / determinant);
    minimum = f(f(sumY - f(scale * l)) / sumW);
  }
  const m = finiteHalf(f(minimum + middle));
  const d = finiteHalf(ll > 0 ? f(f(yl - f(f(m - middle) * l)) / ll) : scale);

  const inverseOf = (d: number) => (d === 0 ? 0 : f(1 / d));
  const error = (d: number, from: number) => {
    let sum = 0;
    for (let i = 0; i < 32; i++) {
      const v = f(y[i]! - from);
      const difference = f(v - f(d * level(f(v * inverseOf(d)), top)));
      sum = f(sum + f((w?.[i] ?? 1) * f(difference * difference)));
    }
    return sum;
  };
  const plain = { d: finiteHalf(step), m: finiteHalf(low) };
  const better = error(d, f(m - middle)) < error(plain.d, f(plain.m - middle));
  const result = better ? { d, m } : plain;
  for (let i = 0; i < 32; i++)
    codes[i] = level(f(f(y[i]! - f(result.m - middle)) * inverseOf(result.d)), top);
  return { d: halfBits(result.d), m: halfBits(result.m) };
}
