import { seededRandom } from '../../tensor/index.ts';
import { plusPlusSeeds } from './k-means-plus-plus.ts';
import { type Clusters, type LloydLimits, lloyd } from './lloyd.ts';

/** Vectors that seeds and most rounds see; the last rounds see all. */
const SAMPLE = 1 << 15;
const learning: LloydLimits = { rounds: 30, gain: 1e-3 };
const finishing: LloydLimits = { rounds: 3, gain: 1e-4 };

/**
 * Clusters of vectors: k-means++, then Lloyd's steps. With no more than `k` different vectors these are the book and
 * the cost is 0. Above 2^15 vectors the book is learned on as many drawn evenly, then three rounds go over all.
 */
export function kMeansVectors(
  vectors: Float32Array, // [count, unit], magnitudes up to 1
  weights: Float64Array | undefined, // [count]
  unit: number,
  k: number,
  seed: number,
): Clusters {
  const next = seededRandom(seed);
  const sample = evenSample(vectors, weights, unit, SAMPLE, next);
  const seeds = plusPlusSeeds(sample.vectors, sample.weights, unit, k, next);
  const found = lloyd(sample.vectors, sample.weights, unit, seeds, learning);
  return sample.vectors === vectors ? found : lloyd(vectors, weights, unit, found.book, finishing);
}

/** At most `limit` vectors: one drawn from each of as many runs of equal length. */
export function evenSample(
  vectors: Float32Array,
  weights: Float64Array | undefined,
  unit: number,
  limit: number,
  next: () => number,
): { vectors: Float32Array; weights: Float64Array | undefined } {
  const count = vectors.length / unit;
  if (count <= limit) return { vectors, weights };
  const part = new Float32Array(limit * unit);
  const mass = weights && new Float64Array(limit);
  for (let i = 0; i < limit; i++) {
    const from = Math.floor(((i + next()) * count) / limit);
    part.set(vectors.subarray(from * unit, (from + 1) * unit), i * unit);
    if (mass) mass[i] = weights![from]!;
  }
  return { vectors: part, weights: mass?.some((w) => w > 0) ? mass : undefined };
}
