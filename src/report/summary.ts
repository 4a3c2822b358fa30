import type { QuantizedSummary } from './quantized-summary.ts';
import type { FileRecord, StoredRecord } from './record.ts';

/** What a model file holds, before anything is done to it. Schema version 1, as `RunRecord`. */
export interface ModelSummary {
  readonly schema: 1;
  readonly container: 'onnx';
  readonly file: FileRecord;
  readonly producer: string;
  readonly irVersion: number;
  /** Domain -> version; 'ai.onnx' for the standard operators. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly PortSummary[];
  readonly outputs: readonly PortSummary[];
  /** Nodes of the graph and of its subgraphs. */
  readonly nodes: number;
  readonly operators: readonly { readonly op: string; readonly count: number }[];
  /** Weights of the model by its card; elements of all constants where it has none. */
  readonly parameters: number;
  readonly weightBytes: number;
  /** Constants by element type, most bytes first. */
  readonly dtypes: readonly {
    readonly dtype: string;
    readonly tensors: number;
    readonly values: number;
    readonly sizeBytes: number;
  }[];
  /** Largest constants first, at most 20. */
  readonly largest: readonly TensorSummary[];
  /** Operators and constants that only quantized models have, in words; empty where there are none. */
  readonly quantization: readonly string[];
  /** What the card of lowbit says of the weights. */
  readonly quantized?: QuantizedSummary;
  /** Of a .lowbit file: what its tensors take. */
  readonly stored?: StoredRecord;
  readonly metadata: Readonly<Record<string, string>>;
}

/** An input or output of a model; open dimensions are names or '?'. */
export interface PortSummary {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
}

/** A constant of a model. */
export interface TensorSummary {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly sizeBytes: number;
}
