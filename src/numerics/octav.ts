/**
 * OCTAV: the clip that balances clipping noise against rounding noise, by Newton's iteration on
 *   s <- sum |x| [|x| > s] / (4^-B / 3 * count[0 < |x| <= s] + count[|x| > s])
 * Sakr et al., "Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware Training",
 * ICML 2022, arXiv 2206.06501, eq. 6 (symmetric codes of B bits). With weights, counts and sums are weighted.
 */
export function octavClip(values: Float32Array, bits: number, weights?: Float32Array): number {
  let s = 0;
  let total = 0;
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    const w = weights ? weights[i]! : 1;
    if (magnitude > 0) {
      s += w * magnitude;
      total += w;
    }
    if (magnitude > largest) largest = magnitude;
  }
  if (!(total > 0)) return largest;
  s /= total;
  const rounding = 4 ** -bits / 3;
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    let clipped = 0;
    let clippedWeight = 0;
    let insideWeight = 0;
    for (let i = 0; i < values.length; i++) {
      const magnitude = Math.abs(values[i]!);
      const w = weights ? weights[i]! : 1;
      if (magnitude > s) {
        clipped += w * magnitude;
        clippedWeight += w;
      } else if (magnitude > 0) insideWeight += w;
    }
    const next = clipped / (rounding * insideWeight + clippedWeight);
    if (!(Math.abs(next - s) > TOLERANCE * s)) break;
    s = next;
  }
  return Math.min(s, largest);
}

/** The paper reports convergence within 10; flat tails need a few more. */
const MAX_ITERATIONS = 20;
/** Relative; far below what one code step can resolve. */
const TOLERANCE = 1e-4;
