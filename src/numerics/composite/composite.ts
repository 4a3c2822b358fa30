import type { FormatName } from '../formats/formats.ts';
import type { QuantizedTensor } from '../quantized-tensor.ts';
import type { Scheme } from '../scheme.ts';

/** The scales are quantized themselves (Dettmers et al. 2023, QLoRA, arXiv 2305.14314, section 3). */
export interface DoubleQuantization {
  /** Format of the scales; bitsandbytes: `dynamic8`. */
  readonly format: FormatName;
  /** Scales that share a second-level scale; bitsandbytes: 256. */
  readonly block: number;
  /** The mean of all scales is taken off first, because scales are mostly all positive. */
  readonly removeMean: boolean;
  /** False: codes of integer formats get a zero point, which positive scales with their mean can use. Default true. */
  readonly symmetric?: boolean;
}

/** Which values are kept apart in float16, and set to 0 before the rest is quantized. Exactly one is given. */
export type OutlierChoice =
  /** Magnitude above so many standard deviations of the tensor. */
  | { readonly by: 'threshold'; readonly deviations: number }
  /** The largest magnitudes: this part of the values, 0.005 is 0.5 %. */
  | { readonly by: 'count'; readonly part: number }
  /** The largest importance x squared rounding error: this part of the values (Dettmers et al. 2023, SpQR). */
  | { readonly by: 'sensitivity'; readonly part: number }
  /**
   * Whole input columns that hold a magnitude above `magnitude` (Dettmers et al. 2022, LLM.int8). `axis`: that of the
   * inputs, the last one by default.
   */
  | { readonly by: 'column'; readonly magnitude: number; readonly axis?: number };

/** What is added to the plain scheme of a tensor. */
export interface CompositeScheme extends Scheme {
  readonly double?: DoubleQuantization;
  readonly outliers?: OutlierChoice;
  /** A float16 product [rows, rank] x [rank, columns] that takes up what rounding lost (Yao et al. 2023, LoRC). */
  readonly lowRank?: { readonly rank: number };
}

/** Scales as codes of their own. */
export interface QuantizedScales {
  /** Over the flat scales: per-group along axis 0. */
  readonly codes: QuantizedTensor;
  /** What was taken off every scale. */
  readonly mean: number;
}

/**
 * What is added in float16 to the values that were kept apart. They are 0 in the base of every format that has a 0, so
 * that these are the values themselves, less the low-rank product where there is one.
 */
export interface SparseOutliers {
  /** Row-major positions, ascending. Of columns: their indexes on the axis of the inputs, ascending. */
  readonly at: Uint32Array;
  /** float16 bits: one value per position; of columns [columns kept, all other axes row-major]. */
  readonly values: Uint16Array;
  readonly columns: boolean;
}

/** A product of two float16 matrices. Rows are the first axis of the tensor, columns all others. */
export interface LowRank {
  /** At most what was asked for: never above the smaller side. */
  readonly rank: number;
  /** float16 bits, [rows, rank]. */
  readonly left: Uint16Array;
  /** float16 bits, [rank, columns]. */
  readonly right: Uint16Array;
}

/** A tensor as the sum of a quantized one, what was kept apart and what rounding lost. */
export interface CompositeTensor {
  readonly scheme: CompositeScheme;
  /** Its scales are already those that `scales` stands for. */
  readonly base: QuantizedTensor;
  readonly scales?: QuantizedScales;
  readonly outliers?: SparseOutliers;
  readonly lowRank?: LowRank;
}
