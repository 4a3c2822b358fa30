import { divergence, leastTold, searchRange } from '../numerics/index.ts';
import { histogramObserver } from './histogram-observer.ts';
import type { Observer, ObserverOptions } from './observer.ts';

/**
 * Entropy: the range that loses least information, by the Kullback-Leibler divergence between the values
 * and what their codes can tell (Migacz, "8-bit inference with TensorRT", GTC 2017).
 *
 *   P = the bins inside the range, values beyond it added to the outermost bins
 *   Q = the bins inside the range, each code's values spread evenly over its non-empty bins
 *   range = argmin  sum_i P_i log(P_i / Q_i)
 *
 * Where we differ: bins are grouped by the code they round to, so both ends, asymmetric ranges and any
 * number of levels are searched; exact zeros have a code of their own and are left out, otherwise the
 * spike that Relu makes hides everything else; ranges with fewer bins than codes say nothing and are not
 * tried, so that for 16-bit codes the answer is min-max.
 */
export function entropy(options: ObserverOptions = {}): Observer {
  return histogramObserver(options, (histogram, target) => {
    const smallest = leastTold(histogram, target);
    if (smallest >= 1) return histogram;
    return searchRange(histogram, target, (grid) => divergence(histogram, grid), smallest);
  });
}
