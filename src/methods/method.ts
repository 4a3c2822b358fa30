import type { QuantizationError, QuantizedTensor, RangeSearch, Scheme } from '../numerics/index.ts';

/** What calibration must gather for a method. */
export type StatisticName = 'none' | 'absmax' | 'second-moments' | 'gram';

/** What every method is given. */
export interface MethodRequest {
  readonly weight: Float32Array; // row-major over dims
  readonly dims: readonly number[];
  readonly scheme: Scheme;
  /** How much each value's squared error counts, in the order of the weight. */
  readonly importance?: Float32Array;
  readonly range?: RangeSearch;
  /** For error messages. */
  readonly name?: string;
}

/** What a method may use. Work is cut by fixed tiles, so the same bytes come out of any of them. */
export interface Compute {
  readonly signal?: AbortSignal;
}

/** The codes of a weight, and what the method has to say about them. */
export interface MethodResult {
  readonly quantized: QuantizedTensor;
  readonly diagnostics: QuantizationError;
}

/** An algorithm that chooses the codes of a weight: one row of the table `methods`. */
export interface Method {
  /** One sentence for reports and `--help`. */
  readonly description: string;
  readonly paper: string;
  readonly needs: StatisticName;
  readonly run: (request: MethodRequest, compute?: Compute) => Promise<MethodResult>;
}
