import type { DType } from '../tensor/index.ts';
import type { FormatName } from './formats.ts';
import type { Codes } from './quantized-tensor.ts';
import type { RangeChoice } from './scheme.ts';

/**
 * How the range of a block is found before it is cut into codes.
 * min-max covers every value; mse searches scale and zero point for the least (weighted) squared error;
 * octav clips where clipping and rounding noise balance (Sakr et al. 2022, arXiv 2206.06501).
 */
export type RangeSearch = 'min-max' | 'mse' | 'octav';

/** What `fit` may be told besides the values. */
export interface FitChoice extends Partial<RangeChoice> {
  /** Default: the format's own `defaultRange`. */
  readonly range?: RangeSearch;
}

/** Parameters of one block of a scalar format: real = (code - zeroPoint) * scale, or level(code) * scale. */
export interface ScalarParams {
  readonly scale: number;
  readonly zeroPoint: number;
  /** Codes that may be chosen: narrower than the format's own when restricted or reduced. */
  readonly minCode: number;
  readonly maxCode: number;
}

/** Many blocks, encoded: the parameters as arrays, one entry per block, rows first. */
export interface EncodedRows {
  /** One code per unit. */
  readonly codes: Codes;
  readonly scale: Float32Array;
  /** Absent when every zero point is the symmetric one. */
  readonly zeroPoint?: Codes;
}

/** How values lie in `encode` and `decode`: `rows` rows of `length` values, each cut into blocks. */
export interface RowLayout {
  readonly rows: number;
  readonly length: number;
  /** Values that share parameters; the last block of a row may be shorter. */
  readonly block: number;
}

/**
 * How a block of reals becomes bits and comes back: one row of the table `formats`.
 *
 * Two laws, held by test/conformance/formats.test.ts for every row:
 * decode(encode(x)) is `value` of `unpack` of `pack`; and encode is fit + round, bit for bit.
 * `Params` is the format's own business: a k-quant keeps its sub-block scales there, a code book its entries.
 */
export interface NumberFormat<Params = ScalarParams> {
  readonly name: FormatName;
  /** One sentence for reports and `--help`. */
  readonly description: string;
  /** Specification or paper. */
  readonly source: string;
  readonly kind: 'integer' | 'float';
  /** Tensor type of the codes in a file. */
  readonly dtype: DType;
  /** Values that share parameters; 'free' when the granularity of the scheme decides. */
  readonly block: number | 'free';
  /** Values that share one code. */
  readonly unit: number;
  /** Bits of one stored code. */
  readonly bits: number;
  /** Stored bits per value; for block 'free' the codes alone, since scales lie apart. */
  readonly bitsPerWeight: number;
  /** Number of codes that mean a finite real. */
  readonly levels: number;
  readonly minCode: number;
  readonly maxCode: number;
  /** The zero point that an absent `zeroPoint` stands for. */
  readonly symmetricZero: number;
  /** False when codes are the reals themselves: scale is 1 and stays so. */
  readonly scaled: boolean;
  /** True when scales may be negative: the largest value then lands on the one more negative code. */
  readonly signedScale: boolean;
  readonly defaultRange: RangeSearch;
  /** No value moves by more than this part of its block's largest magnitude (min-max, symmetric). */
  readonly errorBound: number;

  /** Chooses parameters of one block as they will be stored. `values` and `importance`: [block], finite. */
  fit(values: Float32Array, importance?: Float32Array, choice?: FitChoice): Params;
  /** Nearest code of the unit at `values[at]`. */
  round(values: Float32Array, at: number, params: Params, unitIndex: number): number;
  /** The reals of one code, written to `out[at]`. */
  value(code: number, params: Params, unitIndex: number, out: Float32Array, at: number): void;
  /** An array for `count` codes. */
  createCodes(count: number): Codes;
  /** The stored bytes of codes, low bits first. */
  pack(codes: Codes): Uint8Array;
  /** The `count` codes of packed bytes. */
  unpack(bytes: Uint8Array, count: number): Codes;
  /** Fused fit + round over many blocks. `values` and `importance`: [rows, length]. */
  encode(
    values: Float32Array,
    layout: RowLayout,
    importance?: Float32Array,
    choice?: FitChoice,
  ): Promise<EncodedRows>;
  /** Fused inverse: [rows, length]. */
  decode(encoded: EncodedRows, layout: RowLayout): Float32Array;
}
