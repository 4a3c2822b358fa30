import type { Scheme } from './scheme.ts';

/** Codes, one array element each (not packed): packing belongs to the file format. */
export type Codes = Int8Array | Uint8Array | Int16Array | Uint16Array;

/**
 * A quantized tensor: where methods and file codecs meet.
 * real = (code - zero) * scale for integers, table[code] * scale for fixed levels, book[code] * scale for learned
 * ones.
 */
export interface QuantizedTensor {
  readonly scheme: Scheme;
  /** Logical shape. */
  readonly dims: readonly number[];
  /** One code per unit, row-major: per value for scalar formats. */
  readonly codes: Codes;
  /** Row-major over `scaleDims(scheme.granularity, dims)`. */
  readonly scale: Float32Array;
  /** Like `scale`; absent when every zero point is the symmetric one. */
  readonly zeroPoint?: Codes;
  /** Like `scale`: real-valued zero points in units of the scale, in place of `zeroPoint`. */
  readonly realZero?: Float32Array;
  /** Two-level scales: the scale of the whole tensor. It is contained in `scale`. */
  readonly tensorScale?: number;
  /** Learned levels, [...scaleDims, bookSize of the format]. */
  readonly book?: Float32Array;
}
