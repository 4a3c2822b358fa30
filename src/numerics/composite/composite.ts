import type { FormatName } from '../formats/formats.ts';
import type { QuantizedTensor } from '../quantized-tensor.ts';
import type { Scheme } from '../scheme.ts';

/** The scales are quantized themselves (Dettmers et al. 2023, QLoRA, arXiv 2305.14314, section 3). */
export interface DoubleQuantization {
  /** Format of the scales; bitsandbytes: `dynamic8`. */
  readonly format: FormatName;
  /** Scales that share a second-level scale; bitsandbytes: 256. */
  readonly block: number;
  /** The mean of all scales is taken off first, because scales are all positive. */
  readonly removeMean: boolean;
}

/** Which values are kept apart in float16, and set to 0 before the rest is quantized. Exactly one is given. */
export type OutlierChoice =
  /** Magnitude above so many standard deviations of the tensor. */
  | { readonly by: 'threshold'; readonly deviations: number }
  /** The largest magnitudes: this part of the values, 0.005 is 0.5 %. */
  | { readonly by: 'count'; readonly part: number }
  /** The largest importance x squared rounding error: this part of the values (Dettmers et al. 2023, SpQR). */
  | { readonly by: 'sensitivity'; readonly part: number }
  /** Whole input columns that hold a magnitude above `magnitude` (Dettmers et al. 2022, LLM.int8). */
  | { readonly by: 'column'; readonly magnitude: number };

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

/** Values that stayed float16. */
export interface SparseOutliers {
  /** Row-major positions, ascending. Of columns: column numbers. */
  readonly at: Uint32Array;
  /** float16 bits: one value per position, or [columns kept, rows] for columns. */
  readonly values: Uint16Array;
  readonly columns: boolean;
}

/** A product of two float16 matrices. */
export interface LowRank {
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
