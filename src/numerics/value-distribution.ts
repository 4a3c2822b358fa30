/** How the values of a tensor are spread. */
export interface ValueDistribution {
  readonly values: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Standard deviation. */
  readonly deviation: number;
  /** Fourth moment over the squared second: 3 for a bell curve, more with outliers. */
  readonly kurtosis: number;
  readonly zeros: number;
  /** Counts of equal parts of [-largest magnitude, largest magnitude]. */
  readonly counts: readonly number[];
}

/** Moments and a histogram of finite values. */
export function valueDistribution(values: Float32Array, bins: number): ValueDistribution {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let zeros = 0;
  for (const x of values) {
    if (x < min) min = x;
    if (x > max) max = x;
    if (x === 0) zeros++;
    sum += x;
  }
  const mean = sum / values.length;
  const largest = Math.max(-min, max) || 1;
  const counts = new Array<number>(bins).fill(0);
  let second = 0;
  let fourth = 0;
  for (const x of values) {
    const squared = (x - mean) ** 2;
    second += squared;
    fourth += squared * squared;
    counts[Math.min(bins - 1, Math.floor(((x / largest + 1) / 2) * bins))]!++;
  }
  const variance = second / values.length;
  const kurtosis = variance === 0 ? 0 : fourth / values.length / variance ** 2;
  return { values: values.length, min, max, mean, deviation: Math.sqrt(variance), kurtosis, zeros, counts };
}
