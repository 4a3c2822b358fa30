import { type Distribution, distributionOf } from './distribution.ts';
import { histogramObserver } from './histogram-observer.ts';
import type { Observer, ObserverOptions } from './observer.ts';

/** One value in ten thousand is clipped at each end. */
const defaultPercentile = 99.99;

/**
 * Percentile: the range that leaves out the outermost values (Wu et al. 2020, arXiv:2004.09602, section 3.1).
 *
 *   asymmetric: P(x < min) = P(x > max) = 1 - p;  symmetric: P(|x| > max) = 1 - p
 */
export function percentile(options: ObserverOptions = {}): Observer {
  const p = (options.percentile ?? defaultPercentile) / 100;
  return histogramObserver(options, (histogram, target) => {
    const d = distributionOf(histogram);
    const n = d.total;
    if (target.symmetric) {
      const bound = Math.max(Math.abs(d.min), Math.abs(d.max));
      const max = quantile((a) => d.countBelow(a) - d.countBelow(-a), p * n, 0, bound);
      return { min: -max, max };
    }
    return { min: at(d, (1 - p) * n), max: at(d, p * n) };
  });
}

function at(d: Distribution, rank: number): number {
  return quantile((x) => d.countBelow(x), rank, d.min, d.max);
}

/** The x in [low, high] where the growing function `mass` reaches `rank`, by bisection. */
function quantile(mass: (x: number) => number, rank: number, low: number, high: number): number {
  if (mass(high) <= rank) return high;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (mass(middle) < rank) low = middle;
    else high = middle;
  }
  return high;
}
