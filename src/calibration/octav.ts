import { type Distribution, distributionOf } from './distribution.ts';
import { histogramObserver } from './histogram-observer.ts';
import type { Observer, ObserverOptions, Range, RangeTarget } from './observer.ts';

const maxIterations = 100;
/** Relative change that ends the iteration: far below one step of a 16-bit code. */
const tolerance = 1e-7;

/**
 * OCTAV: optimally clipped tensors and vectors (Sakr et al. 2022, arXiv:2206.06501). The clip point s that
 * minimises rounding noise plus clipping error is the fixed point of a Newton-Raphson step:
 *
 *   J(s)    = c s^2 P(0 < |X| <= s) + E[(|X| - s)^2 1{|X| > s}]
 *   s_{n+1} = E[|X| 1{|X| > s_n}] / (c P(0 < |X| <= s_n) + P(|X| > s_n)),   c = 4^-B / 3
 *
 * Where we differ: c is written for L levels, D^2 / 12 with D = 2 s / (L - 1); one-sided data has
 * D = s / (L - 1), a quarter of that; for two-sided asymmetric codes the same derivation moves each end
 * with the other one held, D = (b - a) / (L - 1). Expectations come from the streamed histogram.
 */
export function octav(options: ObserverOptions = {}): Observer {
  return histogramObserver(options, (histogram, target) =>
    clip(distributionOf(histogram), histogram.zeros, target),
  );
}

function clip(d: Distribution, zeros: number, { levels, symmetric }: RangeTarget): Range {
  const nonZero = d.total - zeros;
  if (nonZero === 0) return { min: 0, max: 0 };
  const c = 1 / (12 * (levels - 1) ** 2); // noise per squared width of the range
  const sum = d.sumBelow(Number.POSITIVE_INFINITY);
  const above = (x: number) => d.total - d.countBelow(x);
  const sumAbove = (x: number) => sum - d.sumBelow(x);

  if (symmetric) {
    const bound = Math.max(-d.min, d.max);
    const s = fixedPoint((sumAbove(0) - d.sumBelow(0)) / nonZero, (sn) => {
      const outside = d.countBelow(-sn) + above(sn);
      if (outside <= 0) return sn;
      return (sumAbove(sn) - d.sumBelow(-sn)) / (4 * c * (nonZero - outside) + outside);
    });
    return { min: -Math.min(s, bound), max: Math.min(s, bound) };
  }
  let a = d.min < 0 ? d.sumBelow(0) / d.countBelow(0) : 0;
  let b = d.max > 0 ? sumAbove(0) / above(0) : 0;
  for (let i = 0; i < maxIterations; i++) {
    const below = d.countBelow(a);
    const beyond = above(b);
    const inside = c * (nonZero - below - beyond);
    const width = b - a;
    if (beyond > 0) b = clamp((sumAbove(b) + a * inside) / (inside + beyond), 0, d.max);
    if (below > 0) a = clamp((d.sumBelow(a) + b * inside) / (inside + below), d.min, 0);
    if (Math.abs(b - a - width) <= tolerance * (b - a)) break;
  }
  return { min: a, max: b };
}

function fixedPoint(start: number, next: (s: number) => number): number {
  let s = start;
  for (let i = 0; i < maxIterations; i++) {
    const moved = next(s);
    if (Math.abs(moved - s) <= tolerance * s) return moved;
    s = moved;
  }
  return s;
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}
