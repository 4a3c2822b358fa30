import type { HistogramKernel } from '../kernels/histogram.ref.ts';

/** What an activation looks like so far, and the range to quantize it with. */

/** The real numbers that codes should reach: values outside are clipped. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** The codes a range will be cut into: observers that minimise an error need to know. */
export interface RangeTarget {
  /** Number of levels: 256 for int8, 255 restricted, 128 reduced. */
  readonly levels: number;
  readonly symmetric: boolean;
}

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
