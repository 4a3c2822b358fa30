import { seededRandom } from '../tensor/index.ts';

/** 97.5 % quantile of the normal distribution: two-sided 95 %. */
const z95 = 1.959963984540054;

/** Resamples of a bootstrap: the 2.5 % tail holds 25 of them, enough for a figure with two digits. */
const bootstrapResamples = 1000;

/** What a metric computes from its per-sample values: a mean, an F1. */
export type Aggregate = (values: Float64Array) => number;

export const mean: Aggregate = (values) => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
};

/**
 * 95 % interval of a rate from `successes` of `trials`; stays in [0, 1] and is sound near the ends.
 * Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927.
 */
export function wilsonInterval(successes: number, trials: number): [number, number] {
  const rate = successes / trials;
  const z2 = (z95 * z95) / trials;
  const centre = rate + z2 / 2;
  const half = z95 * Math.sqrt((rate * (1 - rate)) / trials + z2 / (4 * trials));
  return [Math.max(0, (centre - half) / (1 + z2)), Math.min(1, (centre + half) / (1 + z2))];
}

/** 95 % interval of a mean by the normal approximation; undefined for fewer than two values. */
export function normalInterval(values: Float64Array): [number, number] | undefined {
  if (values.length < 2) return undefined;
  const centre = mean(values);
  let squares = 0;
  for (const value of values) squares += (value - centre) ** 2;
  const half = z95 * Math.sqrt(squares / (values.length - 1) / values.length);
  return [centre - half, centre + half];
}

/**
 * 95 % percentile bootstrap: `statistic` of samples drawn with replacement. Deterministic.
 * Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
 */
export function bootstrapInterval(
  count: number,
  statistic: (drawn: Int32Array) => number,
  seed = 1,
): [number, number] {
  const random = seededRandom(seed);
  const drawn = new Int32Array(count);
  const results = new Float64Array(bootstrapResamples);
  for (let r = 0; r < bootstrapResamples; r++) {
    for (let i = 0; i < count; i++) drawn[i] = Math.floor(random() * count);
    results[r] = statistic(drawn);
  }
  results.sort();
  return [quantile(results, 0.025), quantile(results, 0.975)];
}

/** Quantile of ascending values, linear between neighbours. */
export function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}
