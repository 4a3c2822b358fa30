import { halfBits, halfValue } from './half.ref.ts';
import { type KAffineFormat, type KAffineParameters, SUPER_BLOCK } from './k-affine-format.ref.ts';

const { fround: f, min, max } = Math;

// Below this part of its plain sum a variance is rounding noise.
const NOISE = f(1e-5);

/** The nearest integer, halves to even. */
const nearest = (v: number): number => f(f(v + 12582912) - 12582912);

/** The code of a value that was divided by its scale: the nearest of 0 .. top. */
const codeOf = (v: number, top: number): number => (v > 0 ? nearest(min(v, top)) : 0);

/** The nearest float16 that is finite, of what is not below zero. */
function finiteHalf(v: number): number {
  return halfValue(halfBits(min(v, 65504)));
}

/** What the fit knows of one group. */
interface Group {
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
function sums({ x, w, centred }: Group, codeAt: (x: number) => number): [number, number, number] {
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
function fitGroup(x: Float32Array, w: Float32Array | undefined, { top, fit }: KAffineFormat): Group {
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

/** The float16 whose multiples 0 .. top are nearest to the values, by weight: the best of 20 near largest / top. */
function chooseFactor(
  values: readonly number[],
  weights: readonly number[],
  { scaleTop, fit }: KAffineFormat,
): number {
  let largest = 0;
  for (const v of values) if (v > largest) largest = v;
  let factor = finiteHalf(f(largest / scaleTop));
  let best = Number.POSITIVE_INFINITY;
  for (let k = 0; k < 20; k++) {
    const levels = f(scaleTop + f(fit.levelStep * (k - 10)));
    const candidate = finiteHalf(f(largest / levels));
    const inverse = f(levels / largest);
    let loss = 0;
    values.forEach((v, g) => {
      const error = f(f(codeOf(f(v * inverse), scaleTop) * candidate) - v);
      loss = f(loss + f(f(weights[g]! * error) * error));
    });
    if (loss < best) {
      best = loss;
      factor = candidate;
    }
  }
  return factor;
}

/** 1 / v, of zero zero. */
const inverseOf = (v: number): number => (v > 0 ? f(1 / v) : 0);

/** d and dmin that are least squares for the codes that scales and minima give; unchanged where there are none. */
function refit(
  groups: readonly Group[],
  { d, dmin, scales, minima }: KAffineParameters,
  top: number,
): { d: number; dmin: number } {
  // Σ w·(d·a - dmin·q - x)² over a = scale · code, q = minimum.
  let aa = 0;
  let aq = 0;
  let qq = 0;
  let ax = 0;
  let qx = 0;
  groups.forEach((group, g) => {
    const minimum = f(dmin * minima[g]!);
    const inverse = inverseOf(f(d * scales[g]!));
    const offset = f(minimum * inverse);
    const [l, ll, xl] = sums(group, (v) => codeOf(f(f(v * inverse) + offset), top));
    group.meanCode = f(l * group.inverseW);
    const plain = f(xl + f(group.mean * l));
    aa = f(aa + f(f(scales[g]! * scales[g]!) * ll));
    aq = f(aq + f(f(scales[g]! * minima[g]!) * l));
    qq = f(qq + f(f(minima[g]! * minima[g]!) * group.sumW));
    ax = f(ax + f(scales[g]! * plain));
    qx = f(qx + f(minima[g]! * group.sumX));
  });
  const both = f(aa * qq);
  const determinant = f(both - f(aq * aq));
  const fittedD = f(f(f(qq * ax) - f(aq * qx)) / determinant);
  const fittedMin = f(f(f(aq * ax) - f(aa * qx)) / determinant);
  if (!(determinant > f(NOISE * both) && fittedD > 0 && fittedMin > 0)) return { d, dmin };
  return { d: finiteHalf(fittedD), dmin: finiteHalf(fittedMin) };
}

/** Σ w·(x - x')² of a group with nearest codes. */
function errorOf({ x, w }: Group, scale: number, minimum: number, top: number): number {
  const inverse = inverseOf(scale);
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const above = f(x[i]! + minimum);
    const difference = f(f(scale * codeOf(f(above * inverse), top)) - above);
    sum = f(sum + (w ? f(f(w[i]! * difference) * difference) : f(difference * difference)));
  }
  return sum;
}

/**
 * The parameters of a super-block, as stored, that best search takes: a continuous fit of each group, d and dmin near
 * the largest scale and minimum, their least-squares values for the codes that follow, and with these the best of a
 * few neighbours of each stored scale and minimum. All arithmetic is float32, one rounding per operation.
 * @param x [256]
 * @param weights [256], not negative, of the squared errors; undefined, or none above zero: all are equal
 */
export function fitKAffine(
  format: KAffineFormat,
  x: Float32Array,
  weights: Float32Array | undefined,
): KAffineParameters {
  const { group: size, top, scaleTop, fit } = format;
  const w = weights?.some((v) => v > 0) ? weights : undefined;
  const groups = Array.from({ length: SUPER_BLOCK / size }, (_, g) =>
    fitGroup(x.subarray(g * size, (g + 1) * size), w?.subarray(g * size, (g + 1) * size), format),
  );
  let d = chooseFactor(
    groups.map(({ scale }) => scale),
    groups.map(({ spread }) => spread),
    format,
  );
  const scales = Uint8Array.from(groups, ({ scale }) => codeOf(f(scale * inverseOf(d)), scaleTop));
  // A rounded scale wants a minimum that leaves the mean where it was.
  const wanted = groups.map(({ scale, minimum, meanCode }, g) =>
    max(0, f(minimum + f(meanCode * f(f(scales[g]! * d) - scale)))),
  );
  let dmin = chooseFactor(
    wanted,
    groups.map(({ sumW }) => sumW),
    format,
  );
  const minima = Uint8Array.from(wanted, (v) => codeOf(f(v * inverseOf(dmin)), scaleTop));

  ({ d, dmin } = refit(groups, { d, dmin, scales, minima }, top));

  const ratio = f(d * inverseOf(dmin));
  groups.forEach((group, g) => {
    const [scale0, minimum0] = [scales[g]!, minima[g]!];
    let best = Number.POSITIVE_INFINITY;
    for (const [scaleStep, minimumStep] of fit.moves) {
      const scale = min(scaleTop, max(0, scale0 + scaleStep));
      const follow = f(minimum0 + f(group.meanCode * f((scale - scale0) * ratio)));
      const minimum = codeOf(f(follow + minimumStep), scaleTop);
      const error = errorOf(group, f(scale * d), f(minimum * dmin), top);
      if (error < best) {
        best = error;
        scales[g] = scale;
        minima[g] = minimum;
      }
    }
  });
  return { d, dmin, scales, minima };
}

/** The nearest code of value i of a super-block. */
export function roundKAffine(
  { group, top }: KAffineFormat,
  { d, dmin, scales, minima }: KAffineParameters,
  i: number,
  x: number,
): number {
  const g = Math.floor(i / group);
  const inverse = inverseOf(f(d * scales[g]!));
  return codeOf(f(f(x + f(dmin * minima[g]!)) * inverse), top);
}

/** The value that a code stands for. */
export function valueKAffine(
  { group }: KAffineFormat,
  { d, dmin, scales, minima }: KAffineParameters,
  i: number,
  code: number,
): number {
  const g = Math.floor(i / group);
  return f(f(f(d * scales[g]!) * code) - f(dmin * minima[g]!));
}
