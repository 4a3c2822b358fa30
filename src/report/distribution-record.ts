import type { ValueDistribution } from '../numerics/index.ts';
import type { FileRecord } from './record.ts';

/** How one scheme meets a tensor. */
export interface FormatFit {
  /** As `parseScheme` reads it. */
  readonly scheme: string;
  /** Everything stored, over the values. */
  readonly bitsPerWeight: number;
  readonly mse: number;
  /** 10 log10(sum x^2 / sum error^2); Infinity without error. */
  readonly sqnrDb: number;
  readonly maxError: number;
  /** Reals of the codes in the block whose scale is the median, ascending; none of ggml's types. */
  readonly levels: readonly number[];
  /** Codes that mean different reals, and those that the tensor uses; 0 of ggml's types. */
  readonly codes: number;
  readonly usedCodes: number;
  /** Blocks with a scale of their own. */
  readonly blocks: number;
}

/** A scheme that this tensor cannot be stored in. */
export interface FormatMisfit {
  readonly scheme: string;
  readonly reason: string;
}

/** How the values of a tensor meet the levels of formats. */
export interface DistributionRecord {
  readonly schema: 1;
  readonly command: 'distribution';
  readonly lowbitVersion: string;
  readonly file: FileRecord;
  readonly tensor: { readonly name: string; readonly shape: readonly number[]; readonly type: string };
  readonly distribution: ValueDistribution;
  readonly formats: readonly FormatFit[];
  /** Schemes that were left out; absent where all fit. */
  readonly misfits?: readonly FormatMisfit[];
}
