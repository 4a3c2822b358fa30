import { fitRange } from '../numerics/index.ts';
import { fail } from '../tensor/index.ts';
import { checkFinite } from './histogram.ts';
import type { Observer, ObserverOptions } from './observer.ts';

/** Weight of the newest batch. */
const defaultMomentum = 0.05;

/**
 * Moving average of each batch's extremes (Jacob et al. 2018, arXiv:1712.05877, section 3.1): an outlier
 * in one batch moves the range a little and is then forgotten.
 *
 *   m_t = (1 - c) m_{t-1} + c min(x_t),  likewise for max;  range = m_n / (1 - (1 - c)^n)
 *
 * Where we differ: the average starts from zero and is divided by the weight it has gathered, instead of
 * starting from the first batch. That weights batches the same way from the second one on, and makes two
 * halves of a stream merge exactly.
 */
export function movingAverage(
  options: ObserverOptions = {},
): Observer & { min: number; max: number; updates: number } {
  const c = options.momentum ?? defaultMomentum;
  return {
    needs: 'extremes',
    min: 0,
    max: 0,
    updates: 0,
    update(values) {
      if (values.length === 0) return;
      checkFinite(values, { value: options.value ?? 'values', node: options.node ?? 'the caller' });
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      for (const value of values) {
        if (value < min) min = value;
        if (value > max) max = value;
      }
      this.min = (1 - c) * this.min + c * min;
      this.max = (1 - c) * this.max + c * max;
      this.updates++;
    },
    merge(other) {
      const { min, max, updates } = other as typeof this;
      const kept = (1 - c) ** updates;
      this.min = kept * this.min + min;
      this.max = kept * this.max + max;
      this.updates += updates;
    },
    range(target) {
      if (this.updates === 0) fail('calibration/empty', { value: options.value ?? 'values' });
      const gathered = 1 - (1 - c) ** this.updates;
      return fitRange(this.min / gathered, this.max / gathered, target);
    },
  };
}
