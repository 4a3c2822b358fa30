import type { Dataset } from '../data/index.ts';
import type { ByteSource, Siblings, SinkFolder } from '../files/index.ts';
import type { RunEvent } from '../report/index.ts';
import type { Runtime } from '../runtime/index.ts';

/** A model to read: a path or URL, or a source with its neighbourhood (browser, tests). */
export type ModelInput = string | { readonly source: ByteSource; readonly siblings?: Siblings };

/** Data to calibrate or evaluate with: a path (folder or file), or a dataset that is already bound. */
export type DataInput = string | Dataset;

export interface CommonOptions {
  /** Default: the best runtime of this machine. `wasm` gives the same bytes in Node and in the page. */
  readonly runtime?: Runtime | 'native' | 'wasm' | 'webgpu';
  readonly threads?: number;
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
}

export interface MeasureOptions {
  /** Batch of the second latency figure; the first is batch 1. Default 8. */
  readonly batch?: number;
  /** Timed runs per latency figure. Default 50. 0 measures no latency. */
  readonly runs?: number;
  /** Evaluate at most so many samples. */
  readonly samples?: number;
  /** Measure peak memory in a process of its own. Default true where the platform can. */
  readonly memory?: boolean;
  /** Per-layer SQNR in the record. */
  readonly layers?: boolean;
}

/**
 * What the user asked, versioned and serialisable: the command line's flags are sugar for it.
 * Everything has a default but `to`.
 */
export interface Recipe {
  readonly version?: 1;
  /** Presets by name: int8, uint8, int8-dynamic, fp16, q4, q8, ... (`presets` lists them). */
  readonly to: string | readonly string[];
  /** static schemes: QDQ pairs (default) or integer operators. */
  readonly form?: 'qdq' | 'qoperator';
  readonly observer?: string;
  /** Samples used for calibration. Default: all, at most 1000. */
  readonly calibrationSamples?: number;
  /** Static per-tensor or per-channel weights. Default per-channel. */
  readonly weights?: 'per-tensor' | 'per-channel';
  readonly symmetricActivations?: boolean;
  readonly restricted?: boolean;
  readonly powerOfTwo?: boolean;
  /** 7-bit weights for CPUs without VNNI. Default: by `capabilities`. */
  readonly reduceRange?: boolean;
  /** Cross-layer equalization, high-bias absorption, bias correction before static quantization. */
  readonly equalize?: boolean;
  readonly absorbBias?: boolean;
  readonly correctBias?: 'off' | 'analytic' | 'empirical';
  /** Weight-only: values that share a scale (16..256), zero points, accuracy level of MatMulNBits. */
  readonly blockSize?: number;
  readonly symmetric?: boolean;
  readonly accuracyLevel?: 0 | 1 | 2 | 3 | 4;
  /** Nodes that stay float / the only nodes quantized: glob patterns on node names or operator types. */
  readonly keep?: readonly string[];
  readonly only?: readonly string[];
  /** Keep the first and last layer in float. */
  readonly keepEnds?: boolean;
  /** Pattern -> preset of that layer, e.g. {'*classifier*': 'q8'}; first match wins. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** '0.5%': percentage points for rates, relative percent for errors. */
  readonly maxDrop?: string;
  /** 'top-1>=0.9'. */
  readonly minMetric?: string;
  /** File names and folders of transformers.js: onnx/model_quantized.onnx, ... */
  readonly layout?: 'plain' | 'transformers.js';
  /** Weights in a file of their own beside the model. Default: only when the model passes 2 GB. */
  readonly externalData?: boolean;
}

export interface QuantizeOptions extends Recipe, CommonOptions {
  readonly model: ModelInput;
  readonly calibrate?: DataInput;
  readonly evaluate?: DataInput;
  /** File (one preset) or folder (several, or a trailing slash); a SinkFolder in the page. */
  readonly output: string | SinkFolder;
  readonly force?: boolean;
  /** Stop after the plan; nothing is written. */
  readonly dryRun?: boolean;
  readonly measure?: MeasureOptions;
}

export interface EvaluateOptions extends CommonOptions {
  readonly model: ModelInput;
  readonly data: DataInput;
  /** The float model to compare with. */
  readonly against?: ModelInput;
  readonly maxDrop?: string;
  readonly minMetric?: string;
  readonly measure?: MeasureOptions;
}

export interface CompareOptions extends CommonOptions {
  /** The reference first, then one or more candidates. */
  readonly models: readonly ModelInput[];
  readonly data?: DataInput;
  readonly measure?: MeasureOptions;
}
