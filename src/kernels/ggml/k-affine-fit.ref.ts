import { halfBits, halfValue } from './half.ref.ts';
import { type KAffineFormat, type KAffineParameters, SUPER_BLOCK } from './k-affine-format.ref.ts';
import { codeOf, fitGroup, type Group, NOISE, sums } from './k-affine-group.ref.ts';

const { fround: f, min, max } = Math;

/** The nearest float16 that is finite, of what is not below zero. */
function finiteHalf(v: number): number {
  return halfValue(halfBits(min(v, 65504)));
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
  const wanted = groups.map(({ scale, minimum, meanCode }, g) => {
    const v = f(minimum + f(meanCode * f(f(scales[g]! * d) - scale)));
    if (v > 0) return v;
    return 0;
  });
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
