import { kernelsNow, thresholdsOf } from '../../kernels/index.ts';
import { exactKMeans } from './exact-k-means.ts';
import { type SortedPoints, sortedPoints } from './sorted-points.ts';

/** Passes over all values after the clustering of bins; each is a step of Lloyd's, so none makes it worse. */
const PASSES = 4;

/**
 * The `k` levels of least weighted squared error, ascending; fewer when there are fewer distinct values.
 * Exact where `sortedPoints` is (2^16 values; any number that fit into float16 or bfloat16); else the best levels of
 * the bins, then Lloyd's steps on every value.
 */
export function kMeansLevels(
  values: Float32Array,
  importance: Float32Array | undefined,
  k: number,
): Float64Array {
  const summary = sortedPoints(values, importance);
  const { levels } = exactKMeans(summary.points, summary.weights, k);
  return summary.exact ? levels : polished(levels, values, importance);
}

function polished(
  start: Float64Array,
  values: Float32Array,
  importance: Float32Array | undefined,
): Float64Array {
  let levels = start;
  const codes = new Uint8Array(values.length);
  const layout = { rows: 1, length: values.length, block: values.length };
  const stride = 2 ** Math.max(1, Math.ceil(Math.log2(start.length)));
  for (let pass = 0; pass < PASSES; pass++) {
    kernelsNow().nearestLevel.codes(
      values,
      layout,
      thresholdsOf(Float32Array.from(levels), stride),
      stride,
      codes,
    );
    const weight = new Float64Array(levels.length);
    const sum = new Float64Array(levels.length);
    for (let i = 0; i < values.length; i++) {
      const code = codes[i]!;
      const w = importance ? importance[i]! : 1;
      weight[code]! += w;
      sum[code]! += w * values[i]!;
    }
    const next = levels.map((level, code) => (weight[code]! > 0 ? sum[code]! / weight[code]! : level)).sort();
    const still = next.every((level, code) => Math.abs(level - levels[code]!) <= 1e-7 * Math.abs(level));
    levels = next;
    if (still) break;
  }
  return levels;
}

/**
 * Levels at the means of `k` parts of equal probability: each level is used equally often. The distinct values
 * themselves when there are no more than `k`. A value that lies on a border counts in both parts by its share.
 */
export function quantileLevels(
  values: Float32Array,
  importance: Float32Array | undefined,
  k: number,
): Float64Array {
  const { points, weights } = sortedPoints(values, importance);
  return points.length <= k ? points : quantileMeans({ points, weights }, k);
}

function quantileMeans(
  { points, weights }: Pick<SortedPoints, 'points' | 'weights'>,
  k: number,
): Float64Array {
  const total = weights.reduce((sum, w) => sum + w, 0);
  const levels = new Float64Array(k);
  let at = 0;
  let left = weights[0]!;
  for (let part = 0; part < k; part++) {
    let wanted = total / k;
    let weight = 0;
    let sum = 0;
    while (wanted > 0 && at < points.length) {
      const taken = part === k - 1 ? left : Math.min(wanted, left);
      weight += taken;
      sum += taken * points[at]!;
      wanted -= taken;
      left -= taken;
      if (left <= 0 || part === k - 1) left = weights[++at] ?? 0;
    }
    levels[part] = weight > 0 ? sum / weight : points[Math.min(at, points.length - 1)]!;
  }
  return levels.sort();
}
