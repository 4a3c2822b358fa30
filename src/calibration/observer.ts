import type { HistogramKernel } from '../kernels/histogram.ref.ts';
import type { Range, RangeTarget } from '../numerics/index.ts';

/** What an activation looks like so far, and the range to quantize it with. */

export type { Range, RangeTarget };

/**
 * Sees an activation batch by batch in constant memory and chooses its range.
 * `merge` makes work divisible: update(a); update(b) equals merging two observers up to float rounding.
 */
export interface Observer {
  /** What it must be fed: extremes are reduced inside the graph, values come out of it. */
  readonly needs: 'extremes' | 'values';
  /** One batch. For `extremes`, `values` is [min, max]. @throws calibration/not-finite on NaN or Inf. */
  update(values: Float32Array): void;
  merge(other: Observer): void;
  /** @throws calibration/empty before the first update. */
  range(target: RangeTarget): Range;
}

/** What an observer may be told when it is made. */
export interface ObserverOptions {
  /** The value it observes and the node that makes it, for messages. */
  readonly value?: string;
  readonly node?: string;
  /** Counts values; default: plain TypeScript. */
  readonly kernel?: HistogramKernel;
  /** `percentile`: share of values inside the range, in percent. Default 99.99. */
  readonly percentile?: number;
  /** `moving-average`: weight of the newest batch. Default 0.05. */
  readonly momentum?: number;
}
