import { halfBits } from './half.ref.ts';
import { finiteHalf } from './legacy-scale.ref.ts';

const { fround: f, abs, max, sign } = Math;

/** x ≈ d · l for the few levels low..top: the best search of TQ1_0, TQ2_0 and Q2_0. */
export interface LevelRange {
  readonly low: number;
  readonly top: number;
  /** Levels at which the value of largest magnitude would land: where the search starts. */
  readonly starts: readonly number[];
}

/** Codes are l + 1. ggml takes levels -1..1 of Q2_0 alone, with the largest magnitude as scale. */
export const levelRanges = {
  ternary: { low: -1, top: 1, starts: [1.25, 2.25, 3.5, 6] },
  q2_0: { low: -1, top: 2, starts: [1.5, 2, 2.5, 3.25, 4.25, -0.875, -1.25, -1.75, -2.25, -3] },
} as const satisfies Record<string, LevelRange>;

/** The value of largest magnitude; the first of several. */
function extreme(x: Float32Array): number {
  let value = 0;
  for (const v of x) if (abs(v) > abs(value)) value = v;
  return value;
}

/** The nearest level, halves to even; NaN takes the top. */
function level(v: number, low: number, top: number): number {
  return v < top ? f(f(max(v, low) + 12582912) - 12582912) : top;
}

/** ggml's: the largest magnitude is the scale, codes are roundf(x / d) + 1. `lost`: the code where d has no inverse. */
export function largestScale(x: Float32Array, lost: number, codes: Uint8Array): number {
  const d = abs(extreme(x));
  const inverse = d > 0 ? f(1 / d) : 0;
  x.forEach((v, i) => {
    const scaled = f(v * inverse);
    // C rounds halves away from zero; nothing is beyond ±1. A denormal d has no finite inverse.
    codes[i] = inverse === Number.POSITIVE_INFINITY ? lost : abs(scaled) >= 0.5 ? sign(scaled) + 1 : 1;
  });
  return halfBits(d);
}

/**
 * The least Σ w·(x - d·l)²: the start whose least-squares scale takes most away, three steps of alternating least
 * squares, the scale rounded to float16 before the last levels are chosen. ggml's scale is kept where it is better.
 * All arithmetic is float32, one rounding per operation, in the order in which the kernels do it.
 * @param weight [length], or undefined for ones
 * @returns the scale as float16 bits
 */
export function bestLevels(
  x: Float32Array,
  weight: Float32Array | undefined,
  { low, top, starts }: LevelRange,
  codes: Uint8Array,
): number {
  const m = extreme(x);
  // What no weight looks at is rounded as if all were equal.
  const w = weight?.some((v) => v > 0) ? weight : undefined;
  const sums = (inverse: number) => {
    let xl = 0;
    let ll = 0;
    for (let i = 0; i < x.length; i++) {
      const l = level(f(x[i]! * inverse), low, top);
      const wl = f((w?.[i] ?? 1) * l);
      xl = f(xl + f(x[i]! * wl));
      ll = f(ll + f(wl * l));
    }
    return [xl, ll] as const;
  };
  let scale = 0;
  let best = 0;
  const consider = (inverse: number) => {
    const [xl, ll] = sums(inverse);
    const fitted = f(xl / ll);
    const gain = f(fitted * xl);
    if (gain > best) {
      best = gain;
      scale = fitted;
    }
  };
  for (const start of starts) consider(f(start / m));
  for (let step = 0; step < 3; step++) consider(f(1 / scale));

  const gainAt = (d: number) => {
    const [xl, ll] = sums(f(1 / d));
    return f(d * f(f(xl + xl) - f(d * ll)));
  };
  const fitted = finiteHalf(scale);
  const plain = finiteHalf(abs(m));
  const d = gainAt(fitted) > gainAt(plain) ? fitted : plain;
  const inverse = d === 0 ? 0 : f(1 / d);
  x.forEach((v, i) => {
    codes[i] = level(f(v * inverse), low, top) - low;
  });
  return halfBits(d);
}
