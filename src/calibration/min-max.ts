import { fitRange } from '../numerics/index.ts';
import { fail } from '../tensor/index.ts';
import { checkFinite } from './histogram.ts';
import type { Observer, ObserverOptions } from './observer.ts';

/**
 * Min-max: the range is everything that was seen, so nothing is clipped and one outlier sets the step.
 *
 *   min = min_t min(x_t),  max = max_t max(x_t)
 */
export function minMax(options: ObserverOptions = {}): Observer & { min: number; max: number } {
  return {
    needs: 'extremes',
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    update(values) {
      checkFinite(values, { value: options.value ?? 'values', node: options.node ?? 'the caller' });
      for (const value of values) {
        if (value < this.min) this.min = value;
        if (value > this.max) this.max = value;
      }
    },
    merge(other) {
      const { min, max } = other as typeof this;
      this.min = Math.min(this.min, min);
      this.max = Math.max(this.max, max);
    },
    range(target) {
      if (this.min > this.max) fail('calibration/empty', { value: options.value ?? 'values' });
      return fitRange(this.min, this.max, target);
    },
  };
}
