import type { QuantizedSummary } from './quantized-summary.ts';
import type { FileRecord, StoredRecord, TypeShareRecord } from './record.ts';
import type { TensorSummary } from './summary.ts';

/** What a file or folder of weights holds: GGUF, a checkpoint of safetensors, one of llama2.c. Schema version 1, as `RunRecord`. */
export interface WeightsSummary {
  readonly schema: 1;
  readonly container: 'gguf' | 'safetensors' | 'llama2.c' | 'imatrix';
  readonly file: FileRecord;
  /** Files that it is split over. */
  readonly files: number;
  /** general.architecture, or the model_type of config.json; '' where nothing says it. */
  readonly architecture: string;
  /** The mixture that general.file_type names; absent where it names none. */
  readonly fileType?: string;
  /** Of an importance matrix: in GGUF, or in the legacy format (container 'imatrix'). */
  readonly imatrix?: ImatrixSummary;
  readonly tensors: number;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly bitsPerWeight: number;
  /** Most bytes first. */
  readonly types: readonly TypeShareRecord[];
  /** In the order of the file. */
  readonly list: readonly TensorSummary[];
  /** Schemes and what they take, where some weights are codes. */
  readonly quantized?: QuantizedSummary;
  /** Tensors that are stored in schemes of lowbit, if there are any; their parts are in `list`. */
  readonly stored?: StoredRecord;
  /** Key -> value as text, arrays by their type, length and beginning. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What an importance matrix was computed on. */
export interface ImatrixSummary {
  /** Tensors of the model that it speaks of. */
  readonly entries: number;
  /** Chunks of text, and tokens of all; 0 where the file does not say. */
  readonly chunks: number;
  readonly tokens: number;
  readonly datasets: readonly string[];
}
