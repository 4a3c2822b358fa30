/**
 * The magnitude a of least (weighted) squared error for the levels -a, 0, a: the exact optimum.
 *
 * With the values of a set S at +-a and the rest at 0 the best a is the mean magnitude of S, and the error falls by
 * gain(S) = (sum w |x|)^2 / sum w. For any a the values beyond a/2 belong to S, so S is always the largest
 * magnitudes, and one walk from the largest down finds the best. Li et al. 2016 (TWN), arXiv 1605.04711, solve this
 * only for uniform and normal values and take 0.7 times the mean magnitude as the threshold.
 *
 * The walk goes by bins. A value raises the gain if it is above mean/2 of those before it, and lowers it if it is
 * below mean/2 less a little; means only fall. So where a whole bin is above or below, only its end or its start can
 * be the best, and few bins need sorting.
 */
export function ternaryMagnitude(values: Float32Array, importance?: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const x = Math.abs(values[i]!);
    if (x > largest) largest = x;
  }
  if (largest === 0) return 0;

  const bins = Math.max(2, Math.min(1024, values.length >> 2));
  const toBin = (bins - 1) / largest;
  const binOf = (x: number) => Math.floor(x * toBin);
  const weight = new Float64Array(bins);
  const sum = new Float64Array(bins);
  for (let i = 0; i < values.length; i++) {
    const x = Math.abs(values[i]!);
    const bin = binOf(x);
    const w = importance ? importance[i]! : 1;
    weight[bin]! += w;
    sum[bin]! += w * x;
  }

  const mixed = mixedBins(weight, sum, toBin);
  const inside = membersOf(mixed, values, importance, binOf);
  const best = { gain: 0, magnitude: 0, weight: 0, sum: 0 };
  const walk = (w: number, wx: number) => {
    best.weight += w;
    best.sum += wx;
    const gain = best.weight > 0 ? best.sum ** 2 / best.weight : 0;
    if (gain > best.gain) {
      best.gain = gain;
      best.magnitude = best.sum / best.weight;
    }
  };
  for (let bin = bins - 1; bin >= 0; bin--) {
    const members = inside.get(bin);
    if (members) for (const { x, w } of members.sort((a, b) => b.x - a.x)) walk(w, w * x);
    else walk(weight[bin]!, sum[bin]!);
  }
  return best.magnitude;
}

/** Bins that are neither wholly above nor wholly below half the mean of the values before them. */
function mixedBins(weight: Float64Array, sum: Float64Array, toBin: number): Set<number> {
  const mixed = new Set<number>();
  let before = 0;
  let total = 0;
  for (let bin = weight.length - 1; bin >= 0; bin--) {
    const after = before + weight[bin]!;
    const low = bin / toBin;
    const high = (bin + 1) / toBin;
    const most = before > 0 ? total / before / 2 : Number.POSITIVE_INFINITY;
    total += sum[bin]!;
    const least = before > 0 ? (total / after / 2) * (1 - weight[bin]! / (4 * before)) : 0;
    // A part in a million for the rounding of bin borders and sums.
    if (weight[bin]! > 0 && low < most * (1 + 1e-6) && high > least * (1 - 1e-6)) mixed.add(bin);
    before = after;
  }
  return mixed;
}

function membersOf(
  bins: ReadonlySet<number>,
  values: Float32Array,
  importance: Float32Array | undefined,
  binOf: (x: number) => number,
): Map<number, { x: number; w: number }[]> {
  const members = new Map([...bins].map((bin) => [bin, [] as { x: number; w: number }[]]));
  for (let i = 0; i < values.length; i++) {
    const x = Math.abs(values[i]!);
    members.get(binOf(x))?.push({ x, w: importance ? importance[i]! : 1 });
  }
  return members;
}
