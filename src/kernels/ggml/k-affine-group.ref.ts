import type { KAffineFormat } from './k-affine-format.ref.ts';

const { fround: f, min } = Math;

/** Below this part of its plain sum a variance is rounding noise. */
export const NOISE = f(1e-5);

/** The nearest integer, halves to even. */
const nearest = (v: number): number => f(f(v + 12582912) - 12582912);

/** The code of a value that was divided by its scale: the nearest of 0 .. top. */
export const codeOf = (v: number, top: number): number => (v > 0 ? nearest(min(v, top)) : 0);

/** What the fit knows of one group. */
export interface Group {
  readonly x: Float32Array;
  /** The weights; undefined for ones. */
  readonly w: Float32Array | undefined;
  /** w · (x - mean) */
  readonly centred: Float32Array;
  /** Σ w, 1 / Σ w, Σ w·x, their quotient. */
  readonly sumW: number;
  readonly inverseW: number;
  readonly sumX: number;
  readonly mean: number;
  /** x ≈ scale · code - minimum before they are stored. */
  scale: number;
  minimum: number;
  /** Mean and Σ w·(code - mean)² of the codes. */
  meanCode: number;
  spread: number;
}

/** Sums over the codes of a group: Σ w·l, Σ w·l², Σ w·(x - mean)·l. */
export function sums({ x, w, centred }: Group, codeAt: (x: number) => number): [number, number, number] {
  let l = 0;
  let ll = 0;
  let xl = 0;
  for (let i = 0; i < x.length; i++) {
    const code = codeAt(x[i]!);
    const wl = w ? f(w[i]! * code) : code;
    l = f(l + wl);
    ll = f(ll + f(wl * code));
    xl = f(xl + f(centred[i]! * code));
  }
  return [l, ll, xl];
}

/**
 * The continuous fit of one group: from each start the codes and for them the least-squares scale and minimum; from
 * the best of these once more. Errors are compared in closed form: Σ w·(x - x')² = constant - gain.
 */
export function fitGroup(x: Float32Array, w: Float32Array | undefined, { top, fit }: KAffineFormat): Group {
  let low = 0;
  let high = x[0]!;
  let sumW = 0;
  let sumX = 0;
  for (let i = 0; i < x.length; i++) {
    if (x[i]! < low) low = x[i]!;
    if (x[i]! > high) high = x[i]!;
    sumW = w ? f(sumW + w[i]!) : sumW + 1;
    sumX = f(sumX + (w ? f(w[i]! * x[i]!) : x[i]!));
  }
  const inverseW = sumW > 0 ? f(1 / sumW) : 0;
  const mean = f(sumX * inverseW);
  const group: Group = {
    x,
    w,
    centred: x.map((v, i) => (w ? f(w[i]! * f(v - mean)) : f(v - mean))),
    sumW,
    inverseW,
    sumX,
    mean,
    scale: f(f(high - low) / top),
    minimum: -low,
    meanCode: 0,
    spread: 0,
  };
  let best = Number.NEGATIVE_INFINITY;
  const consider = (codeAt: (x: number) => number) => {
    const [l, ll, xl] = sums(group, codeAt);
    const meanCode = f(l * inverseW);
    const spread = f(ll - f(l * meanCode));
    let scale = f(xl / spread);
    let minimum = f(f(scale * meanCode) - mean);
    let gain = f(scale * xl);
    if (!(minimum > 0 && spread > f(NOISE * ll))) {
      const plain = f(xl + f(mean * l));
      scale = f(plain / ll);
      minimum = 0;
      gain = f(f(scale * plain) - f(mean * sumX));
    }
    if (scale > 0 && gain > best) {
      best = gain;
      Object.assign(group, { scale, minimum, meanCode, spread });
    }
  };
  const range = f(high - low);
  for (const [levels, shift] of fit.starts) {
    const inverse = f(f(levels) / range);
    const offset = f(f(-f(low * inverse)) - f(shift));
    consider((v) => nearest(f(f(v * inverse) + offset)));
  }
  const inverse = f(1 / group.scale);
  const offset = f(group.minimum * inverse);
  consider((v) => codeOf(f(f(v * inverse) + offset), top));
  return group;
}
