/**
 * k-means of numbers on a line, exactly: the best `k` clusters of sorted points are runs, and the best runs are found
 * by dynamic programming.
 *
 *   D[m][i] = min over j of D[m - 1][j] + C(j, i),  C(j, i) = sum of w (x - mean)^2 over points j..i-1
 *
 * C satisfies the quadrangle inequality, so the best j never falls when i grows, and a layer is found by halving:
 * O(k n log n) time, k n memory.
 *
 * Wu 1991, "Optimal quantization by matrix searching"; Grønlund et al. 2017, arXiv 1701.07204.
 */
export interface ExactClusters {
  /** Means of the clusters, ascending, [min(k, points)]. */
  readonly levels: Float64Array;
  /** Where each cluster ends in the points, exclusive. */
  readonly ends: Uint32Array;
  /** Weighted sum of squared distances to the means. */
  readonly cost: number;
}

/**
 * The `k` levels of least weighted squared error. `points`: ascending, distinct, finite; `weights`: not negative.
 * A cluster whose weights are all zero gets its plain mean. Of equally good divisions the first one is taken.
 */
export function exactKMeans(points: Float64Array, weights: Float64Array, k: number): ExactClusters {
  const n = points.length;
  if (k >= n) {
    return { levels: points.slice(), ends: Uint32Array.from({ length: n }, (_, i) => i + 1), cost: 0 };
  }
  const sums = prefixSums(points, weights);
  const choices = chooseRuns(sums, n, k);
  const ends = new Uint32Array(k);
  ends[k - 1] = n;
  for (let m = k - 1; m > 0; m--) ends[m - 1] = choices[m]![ends[m]!]!;
  const levels = new Float64Array(k);
  let cost = 0;
  for (let m = 0, from = 0; m < k; from = ends[m++]!) {
    levels[m] = meanOf(points, weights, from, ends[m]!);
    for (let i = from; i < ends[m]!; i++) cost += weights[i]! * (points[i]! - levels[m]!) ** 2;
  }
  return { levels, ends, cost };
}

/** Weighted mean of points [from, to); the plain one when no point weighs anything. */
export function meanOf(points: Float64Array, weights: Float64Array, from: number, to: number): number {
  const origin = points[from]!;
  let weight = 0;
  let sum = 0;
  let plain = 0;
  for (let i = from; i < to; i++) {
    weight += weights[i]!;
    sum += weights[i]! * (points[i]! - origin);
    plain += points[i]! - origin;
  }
  return origin + (weight > 0 ? sum / weight : plain / (to - from));
}

interface PrefixSums {
  /** Weight, weight x value and weight x value squared of the points before each, [n + 1]. */
  readonly W: Float64Array;
  readonly S: Float64Array;
  readonly Q: Float64Array;
}

/**
 * Sums from the middle point outwards, of distances from it: the bulk's sums stay small whatever lies far out on
 * either side, so that differences keep their digits.
 */
function prefixSums(points: Float64Array, weights: Float64Array): PrefixSums {
  const n = points.length;
  const middle = n >> 1;
  const origin = points[middle]!;
  const [W, S, Q] = [new Float64Array(n + 1), new Float64Array(n + 1), new Float64Array(n + 1)];
  for (let i = middle; i < n; i++) {
    const x = points[i]! - origin;
    const w = weights[i]!;
    W[i + 1] = W[i]! + w;
    S[i + 1] = S[i]! + w * x;
    Q[i + 1] = Q[i]! + w * x * x;
  }
  for (let i = middle; i > 0; i--) {
    const x = points[i - 1]! - origin;
    const w = weights[i - 1]!;
    W[i - 1] = W[i]! - w;
    S[i - 1] = S[i]! - w * x;
    Q[i - 1] = Q[i]! - w * x * x;
  }
  return { W, S, Q };
}

/** Where the last of m + 1 runs begins when they cover the first i points: choices[m][i], m >= 1. */
function chooseRuns({ W, S, Q }: PrefixSums, n: number, k: number): readonly Uint32Array[] {
  let before = new Float64Array(n + 1);
  let now = new Float64Array(n + 1);
  for (let i = 1; i <= n; i++) now[i] = runCost(W, S, Q, 0, i);
  const choices: Uint32Array[] = [new Uint32Array(n + 1)];
  let earlier = choices[0]!;

  /** The best j of every i in [first, last], known to lie in [least, high]. */
  const halve = (choice: Uint32Array, first: number, last: number, least: number, high: number): void => {
    const i = (first + last) >> 1;
    // With one run more the last one does not begin earlier.
    const low = Math.max(least, earlier[i]!);
    let best = Number.POSITIVE_INFINITY;
    let at = low;
    const end = Math.min(high, i - 1);
    const [Wi, Si, Qi] = [W[i]!, S[i]!, Q[i]!];
    for (let j = low; j <= end; j++) {
      const weight = Wi - W[j]!;
      const sum = Si - S[j]!;
      const inside = weight > 0 ? Qi - Q[j]! - (sum * sum) / weight : 0;
      const cost = before[j]! + Math.max(inside, 0);
      if (cost < best) {
        best = cost;
        at = j;
      }
    }
    now[i] = best;
    choice[i] = at;
    if (first < i) halve(choice, first, i - 1, least, at);
    if (i < last) halve(choice, i + 1, last, at, high);
  };

  for (let m = 1; m < k; m++) {
    [before, now] = [now, before];
    const choice = new Uint32Array(n + 1);
    // Each run holds a point; of the last layer only the end is wanted.
    halve(choice, m === k - 1 ? n : m + 1, n - (k - 1 - m), m, n - 1);
    choices.push(choice);
    earlier = choice;
  }
  return choices;
}

function runCost(W: Float64Array, S: Float64Array, Q: Float64Array, from: number, to: number): number {
  const weight = W[to]! - W[from]!;
  const sum = S[to]! - S[from]!;
  return weight > 0 ? Math.max(0, Q[to]! - Q[from]! - (sum * sum) / weight) : 0;
}
