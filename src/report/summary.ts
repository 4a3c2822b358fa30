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
  /** Elements of all constants. */
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
  /** What is quantized already, in words; empty for a float model. */
  readonly quantization: readonly string[];
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
