import { extreme, ZERO_BELOW } from './scale-search.ref.ts';

const { fround: f, sqrt } = Math;

/** The 16 levels of IQ4_NL and IQ4_XS: denser near zero. Source: ggml-common.h, kvalues_iq4nl (llama.cpp v0.5.0). */
export const iq4Levels = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;

/** Halfway between neighbours; exact in float32, and so is the comparison with both distances. */
const boundaries = iq4Levels.slice(1).map((level, i) => (level + iq4Levels[i]!) / 2);

/** Code of the level nearest to t, the upper one of two; NaN is the last. */
export function iq4Code(t: number): number {
  let code = 0;
  while (code < 15 && !(t < boundaries[code]!)) code++;
  return code;
}

/** The level nearest to t. */
export const iq4Level = (t: number): number => iq4Levels[iq4Code(t)]!;

/**
 * ggml's search: 15 inverse scales, (-127 - 7 .. -127 + 7) / extreme, and the plain one before them; the one whose
 * least-squares scale takes away most of Σ w·x² is kept. Source: ggml-quants.c, quantize_row_iq4_nl_impl.
 */
export function searchIq4Scale(x: Float32Array, w: Float32Array): number {
  const m = extreme(x);
  let scale = 0;
  let best = 0;
  const sums = (inverse: number) => {
    let xl = 0;
    let ll = 0;
    for (let i = 0; i < x.length; i++) {
      const l = iq4Level(f(inverse * x[i]!));
      const wl = f(w[i]! * l);
      xl = f(xl + f(wl * x[i]!));
      ll = f(ll + f(wl * l));
    }
    return [xl, ll] as const;
  };
  if (Math.abs(m) < ZERO_BELOW) return 0;
  let [xl, ll] = sums(f(1 / f(m / 127)));
  if (ll > 0) scale = f(xl / ll);
  best = f(scale * xl);
  for (let step = -7; step <= 7; step++) {
    [xl, ll] = sums(f((step - 127) / m));
    if (ll > 0 && f(xl * xl) > f(best * ll)) {
      scale = f(xl / ll);
      best = f(scale * xl);
    }
  }
  return scale;
}

/** The weights of that search: x², or importance · sqrt(twice the mean square of x + x²). */
export function iq4Weights(x: Float32Array, importance: Float32Array | undefined): Float32Array {
  if (importance === undefined) return x.map((v) => f(v * v));
  let sum = 0;
  for (const v of x) sum = f(sum + f(v * v));
  const meanSquare = f(sum * f(2 / x.length));
  return x.map((v, i) => f(importance[i]! * f(sqrt(f(meanSquare + f(v * v))))));
}

/** Best search: where the extreme value is put at first, around both ends of the levels. */
export const iq4Starts = [1, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15].flatMap((k) => [f(-127 * k), f(113 * k)]);

/** codes: [32]; byte i holds codes i and i + 16. */
export function packIq4(codes: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < 16; i++) out[i] = codes[i]! | (codes[i + 16]! << 4);
}

/** The inverse of `packIq4`. */
export function unpackIq4(bytes: Uint8Array, codes: Uint8Array): void {
  for (let i = 0; i < 32; i++) codes[i] = (bytes[i & 15]! >> (i < 16 ? 0 : 4)) & 15;
}
