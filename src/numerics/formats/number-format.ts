import type { Cells } from '../../kernels/index.ts';
import type { DType } from '../../tensor/index.ts';
import type { Codes } from '../quantized-tensor.ts';
import type { RangeSearch } from '../ranges.ts';
import type { RangeChoice } from '../scheme.ts';
import type { FormatFamilyName } from './format-families.ts';
import type { SchemeOptions } from './scheme-options.ts';

/** What `fit` may be told besides the values. */
export interface FitChoice extends Partial<RangeChoice> {
  /** Default: the format's own `defaultRange`. */
  readonly range?: RangeSearch;
  /** The scale of the whole tensor above the scales of the blocks, from `tensorScale`. */
  readonly tensorScale?: number;
  /** Place of the first value in row order: stochastic rounding counts from it, whatever the tiling. Default 0. */
  readonly firstValue?: number;
  /** Learned rounding: 0 rounds a value down, anything else up; one for each value. Takes the place of `rounding`. */
  readonly roundUp?: Uint8Array;
}

/** Parameters of one block of a scalar format: real = (code - zeroPoint) * scale, or level(code) * scale. */
export interface ScalarParams {
  readonly scale: number;
  readonly zeroPoint: number;
  /** Codes that may be chosen: narrower than the format's own when restricted or reduced. */
  readonly minCode: number;
  readonly maxCode: number;
  /** Learned levels of this block, [codes, unit]; absent where the levels are fixed. */
  readonly book?: Float32Array;
  /** Uniform formats: how values between two levels are rounded; default half to even, as the format lies. */
  readonly rounding?: {
    readonly cells: Cells;
    /** Place of the block's first value in row order. */
    readonly firstValue: number;
    readonly roundUp?: Uint8Array;
  };
}

/** Many blocks, encoded: the parameters as arrays, one entry per block, rows first. */
export interface EncodedRows {
  /** One code per unit. */
  readonly codes: Codes;
  readonly scale: Float32Array;
  /** Absent when every zero point is the symmetric one. */
  readonly zeroPoint?: Codes;
  /** Real-valued zero points in units of the scale, in place of `zeroPoint`. */
  readonly realZero?: Float32Array;
  /** Learned levels, [blocks, entries of one block]; absent where the levels are fixed. */
  readonly book?: Float32Array;
}

/** How values lie in `encode` and `decode`: `rows` rows of `length` values, each cut into blocks. */
export interface RowLayout {
  readonly rows: number;
  readonly length: number;
  /** Values that share parameters; the last block of a row may be shorter. */
  readonly block: number;
}

/** Scales of fixed blocks as stored, one byte each. */
export interface BlockScale {
  readonly dtype: DType;
  /** The stored bytes of scales that `encode` gave. `tensorScale`: the one it was told, default 1. */
  encode(scale: Float32Array, tensorScale?: number): Uint8Array;
  /** The inverse: scales as `decode` wants them. */
  decode(codes: Uint8Array, tensorScale?: number): Float32Array;
}

/**
 * How a block of reals becomes bits and comes back: one row of the table `formats`.
 *
 * Two laws, held by test/conformance/formats.test.ts for every row:
 * decode(encode(x)) is `value` of `unpack` of `pack`; and encode is fit + round, bit for bit.
 * `Params` is the format's own business: a k-quant keeps its sub-block scales there, a code book its entries.
 */
export interface NumberFormat<Params = ScalarParams> extends SchemeOptions {
  readonly name: string;
  /** Its row in `formatFamilies`: who runs it, what it needs. */
  readonly family: FormatFamilyName;
  /** Who computes or loads it, where that is not what its family says. */
  readonly runs?: string;
  /** One sentence for reports and `--help`. */
  readonly description: string;
  /** Specification or paper. */
  readonly source: string;
  /**
   * integer: real = (code - zero) * scale. float and levels: real = table[code] * scale.
   * book: real = entry `code` of the block's own book * scale.
   */
  readonly kind: 'integer' | 'float' | 'levels' | 'book';
  /** The reals of the codes at scale 1, [2^bits]; NaN where a code means none. Absent for integers and books. */
  readonly table?: () => Float32Array;
  /** Tensor type of the codes in a file; where no type has so many bits, the next wider one. */
  readonly dtype: DType;
  /** Values that share parameters; 'free' when the granularity of the scheme decides. */
  readonly block: number | 'free';
  /** Values that share one code. A unit never spans blocks: the last one of a block is filled up with zeros. */
  readonly unit: number;
  /** Floats of the book of one block; 0 where the levels are fixed. They count as stored bits. */
  readonly bookSize: number;
  /** Bits of one stored code. */
  readonly bits: number;
  /**
   * Stored bits per value: for a fixed block with its scale (a scale of the whole tensor does not count), for block
   * 'free' the codes alone, since how many scales lie apart is the scheme's business.
   */
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
  /** Rounds as the scheme says; absent: to the nearest level only. */
  readonly rounds?: boolean;
  /** Real 0 is exactly a code. Not so for signs and mid-rise levels. */
  readonly hasZero: boolean;
  /** No value moves by more than this part of its block's largest magnitude (min-max, symmetric). */
  readonly errorBound: number;

  /** Two-level scales: the scale of the whole tensor, found before its blocks. Absent elsewhere. */
  tensorScale?(values: Float32Array): number;
  /** Fixed blocks: how their scales are stored. Absent where the scheme says it. */
  readonly blockScale?: BlockScale;

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
  /**
   * The codes of `encode` under parameters that are given, its fit left out. No scale is 0. Absent where `round` is
   * all there is.
   */
  encodeUnder?(
    values: Float32Array,
    layout: RowLayout,
    given: Omit<EncodedRows, 'codes'>,
    choice?: FitChoice,
  ): Promise<Codes>;
  /** Fused inverse: [rows, length]. */
  decode(encoded: EncodedRows, layout: RowLayout): Float32Array;
}
