import { type Grid, searchRange } from '../numerics/index.ts';
import type { Histogram } from './histogram.ts';
import { histogramObserver } from './histogram-observer.ts';
import type { Observer, ObserverOptions } from './observer.ts';

/**
 * MSE: the range with the least mean squared quantization error, rounding and clipping together, found by
 * search over clip points (Shin et al. 2016; Banner et al. 2019, arXiv:1810.05723; both ends searched).
 *
 *   min over (a, b) of  E[(x - Q(x))^2],  Q(x) = D clamp(round(x / D), n_low, n_high),  D = (b - a) / (L - 1)
 *
 * Values lie evenly inside their bin, so each bin's error is an integral with a closed form: there is no
 * sampling error, also where bins are wider than D (16-bit codes). Exact zeros cost nothing.
 */
export function mse(options: ObserverOptions = {}): Observer {
  return histogramObserver(options, (histogram, target) =>
    searchRange(histogram, target, (grid) => meanSquaredError(histogram, grid)),
  );
}

/** E[(x - Q(x))^2] over everything the histogram saw. */
export function meanSquaredError(histogram: Histogram, grid: Grid): number {
  const { counts, first, width, zeros, total } = histogram;
  const perStep = width / grid.step;
  const { low, high } = grid;
  let left = integral(first * perStep, low, high);
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    const right = integral((first + i + 1) * perStep, low, high);
    const count = first + i === 0 ? counts[i]! - zeros : counts[i]!;
    sum += count * (right - left);
    left = right;
  }
  return ((sum / perStep) * grid.step ** 2) / total;
}

/**
 * Integral of (u - q(u))^2 from 0 to t, in steps: whole steps give 1/12 each, the rest r^3 / 3. Beyond the
 * outermost code q stays, r grows past 1/2, and the same formula gives the clipping error.
 */
function integral(t: number, low: number, high: number): number {
  const n = Math.min(Math.max(Math.round(t), low), high);
  const r = t - n;
  return n / 12 + (r * r * r) / 3;
}
