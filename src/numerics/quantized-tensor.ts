import type { Scheme } from './scheme.ts';

/** Codes, one array element each (not packed): packing belongs to the file format. */
export type Codes = Int8Array | Uint8Array | Int16Array | Uint16Array;

/**
 * A quantized tensor: where methods and file codecs meet.
 * real = (code - zeroPoint) * scale for affine formats; the value of the code times scale for floats.
 */
export interface QuantizedTensor {
  readonly scheme: Scheme;
  /** Logical shape. */
  readonly dims: readonly number[];
  /** One code per value, row-major. */
  readonly codes: Codes;
  /** Row-major over `scaleDims(scheme.granularity, dims)`. */
  readonly scale: Float32Array;
  /** Like `scale`; absent when every zero point is the symmetric one. */
  readonly zeroPoint?: Codes;
}
