import { fitRange } from '../numerics/index.ts';
import { fail } from '../tensor/index.ts';
import { Histogram } from './histogram.ts';
import type { Observer, ObserverOptions, Range, RangeTarget } from './observer.ts';

/** An observer that streams values into a histogram and lets `choose` read the range off it. */
export function histogramObserver(
  options: ObserverOptions,
  choose: (histogram: Histogram, target: RangeTarget) => Range,
): Observer & { readonly histogram: Histogram } {
  const histogram = new Histogram(options);
  return {
    needs: 'values',
    histogram,
    update: (values) => histogram.update(values),
    merge: (other) => histogram.merge((other as unknown as { histogram: Histogram }).histogram),
    range(target) {
      if (histogram.total === 0) fail('calibration/empty', { value: options.value ?? 'values' });
      const { min, max } = choose(histogram, target);
      return fitRange(min, max, target);
    },
  };
}
