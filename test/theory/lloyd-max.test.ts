import { beforeAll, describe, expect, test } from 'vitest';
import { dequantizeTensor, perTensor, quantizationError, quantizeTensor } from '../../src/numerics/index.ts';
import { seededRandom } from '../../src/tensor/index.ts';

/**
 * The quantizer of least squared error for a known density, found on the density itself, and what our k-means
 * reaches on samples of it, without knowing the density.
 *
 * Lloyd 1982, "Least squares quantization in PCM"; Max 1960, "Quantizing for minimum distortion", table I;
 * Laplace: Adams & Giesler 1978.
 */

interface Source {
  /** P(X <= x). */
  readonly below: (x: number) => number;
  /** Integral of t p(t) up to x. */
  readonly moment: (x: number) => number;
  /** A sample from uniform numbers in [0, 1). */
  readonly draw: (next: () => number) => number;
  /** The best levels lie as p^(1/3) (Panter & Dite 1951): the same density, wider by this. */
  readonly stretch: number;
  /** p(x) over the density of the stretched source. */
  readonly ratio: (x: number) => number;
  /** 10 log10(variance / least mean squared error), as published, by bits. */
  readonly published: Readonly<Record<number, number>>;
}

/** Of variance 1 both. */
const sources: Record<string, Source> = {
  Gaussian: {
    below: normalBelow,
    moment: (x) => (Number.isFinite(x) ? -Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI) : 0),
    draw: (next) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    stretch: Math.sqrt(3),
    ratio: (x) => Math.sqrt(3) * Math.exp(-(x * x) / 3),
    // Max 1960, table I: mean squared errors 0.3634, 0.1175, 0.03454, 0.009497, 0.002499 of 2 to 32 levels.
    published: { 1: 4.4, 2: 9.3, 3: 14.62, 4: 20.22, 5: 26.02 },
  },
  Laplace: {
    below: (x) => (x < 0 ? Math.exp(Math.SQRT2 * x) / 2 : 1 - Math.exp(-Math.SQRT2 * x) / 2),
    moment(x) {
      if (!Number.isFinite(x)) return 0;
      return (-Math.exp(-Math.SQRT2 * Math.abs(x)) * (Math.SQRT2 * Math.abs(x) + 1)) / (2 * Math.SQRT2);
    },
    draw: (next) => ((next() < 0.5 ? 1 : -1) * Math.log(1 - next())) / Math.SQRT2,
    stretch: 3,
    ratio: (x) => 3 * Math.exp((-2 / 3) * Math.SQRT2 * Math.abs(x)),
    // Adams & Giesler 1978: mean squared errors 0.5, 0.1762, 0.0545, 0.0154 of 2, 4, 8, 16 levels.
    published: { 1: 3.01, 2: 7.54, 3: 12.64, 4: 18.12 },
  },
};

/** The error integral to about 1e-15: a series near 0, a continued fraction in the tails. */
function normalBelow(x: number): number {
  if (x === Number.NEGATIVE_INFINITY) return 0;
  if (x > 0) return 1 - normalBelow(-x);
  const density = Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x > -3) {
    let term = -x;
    let sum = term;
    for (let k = 3; Math.abs(term) > 1e-18; k += 2) sum += term *= (x * x) / k;
    return 0.5 - density * sum;
  }
  let fraction = 0;
  for (let k = 120; k > 0; k--) fraction = k / (-x + fraction);
  return density / (-x + fraction);
}

/** The value with P(X <= x) = u. */
function inverse({ below }: Source, u: number): number {
  let [low, high] = [-40, 40];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (below(middle) < u) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Mean squared error of the best quantizer of 2^bits levels, by Lloyd's method I on the density. */
function leastError(source: Source, bits: number): number {
  const { below, moment, stretch } = source;
  const n = 2 ** bits;
  let levels = Float64Array.from({ length: n }, (_, i) => stretch * inverse(source, (i + 0.5) / n));
  let error = Number.POSITIVE_INFINITY;
  while (true) {
    const next = new Float64Array(n);
    let kept = 0;
    for (let i = 0; i < n; i++) {
      const from = i === 0 ? Number.NEGATIVE_INFINITY : (levels[i - 1]! + levels[i]!) / 2;
      const to = i === n - 1 ? Number.POSITIVE_INFINITY : (levels[i]! + levels[i + 1]!) / 2;
      const mass = below(to) - below(from);
      const sum = moment(to) - moment(from);
      next[i] = sum / mass;
      kept += (sum * sum) / mass;
    }
    levels = next;
    const now = 1 - kept;
    if (error - now < 1e-7 * now) return now;
    error = now;
  }
}

const decibels = (error: number) => -10 * Math.log10(error);
const COUNT = 1 << 20;
const WEIGHED = 1 << 16;
const scheme = (bits: number) =>
  ({ format: `kmeans${bits}` as 'kmeans4', granularity: perTensor, symmetric: true }) as const;

describe.each(Object.entries(sources))('%s', (_, source) => {
  let samples: Float32Array;
  const textbook: Record<number, number> = {};
  beforeAll(() => {
    const next = seededRandom(17);
    samples = Float32Array.from({ length: COUNT }, () => source.draw(next));
    for (let bits = 1; bits <= 8; bits++) textbook[bits] = decibels(leastError(source, bits));
  });

  test('the numerical optimum is the published one', () => {
    for (const [bits, wanted] of Object.entries(source.published))
      expect(Math.abs(textbook[Number(bits)]! - wanted)).toBeLessThan(0.02);
  });

  test.each([2, 3, 4, 5, 6])('k-means of %i bits reaches it on samples, within 0.1 dB', async (bits) => {
    const q = await quantizeTensor(samples, [COUNT], scheme(bits));
    expect(Math.abs(quantizationError(samples, q).sqnrDb - textbook[bits]!)).toBeLessThan(0.1);
  });

  /**
   * From 7 bits on the outermost levels have a few samples each and fit them too well. Samples drawn three times as wide,
   * where the levels are, and weighed by what they stand for, show the density itself.
   */
  test('k-means of 2 to 8 bits reaches it on weighed samples, within 0.02 dB', async () => {
    const values = Float32Array.from(
      { length: WEIGHED },
      (_, i) => source.stretch * inverse(source, (i + 0.5) / WEIGHED),
    );
    const importance = values.map(source.ratio);
    for (let bits = 2; bits <= 8; bits++) {
      const back = dequantizeTensor(await quantizeTensor(values, [WEIGHED], scheme(bits), { importance }));
      let error = 0;
      for (let i = 0; i < WEIGHED; i++) error += importance[i]! * (values[i]! - back[i]!) ** 2;
      expect(Math.abs(decibels(error / WEIGHED) - textbook[bits]!)).toBeLessThan(0.02);
    }
  });

  test('quantile means lose to it, and vectors of two win', async () => {
    const part = samples.subarray(0, 1 << 17);
    const sqnr = async (format: 'quantile4' | 'kmeans4' | 'vq2x8') => {
      const q = await quantizeTensor(part, [part.length], { ...scheme(4), format });
      return quantizationError(part, q).sqnrDb;
    };
    const best = await sqnr('kmeans4');
    expect(await sqnr('quantile4')).toBeLessThan(best - 0.5);
    expect(await sqnr('vq2x8')).toBeGreaterThan(best + 0.3);
  });
});
