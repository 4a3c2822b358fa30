import type { QuantizedTensor, Scheme } from '../../numerics/index.ts';
import type { Node } from '../node.ts';
import type { Weight } from '../weight.ts';

/** Chooses codes for one weight. Injected by the pipeline, so that a lowering knows no method. */
export interface WeightQuantizer {
  (request: {
    readonly name: string;
    readonly node: Node;
    readonly weight: Weight;
    readonly scheme: Scheme;
  }): Promise<QuantizedTensor>;
  /** It may be handed a large weight in tiles of rows: each value depends on its own group alone. */
  readonly byRows?: boolean;
}

/**
 * float-at-load: real when the model is loaded, so memory and speed are those of float.
 * unpacked-each-run: stays packed in memory, and is made real on every run.
 * few-bits: stays packed in memory, and a kernel computes with it.
 */
export type WeightRun = 'float-at-load' | 'unpacked-each-run' | 'few-bits';

/** One constant that now takes fewer bits, with every byte it costs. */
export interface QuantizedWeightRecord {
  readonly name: string;
  readonly node: string;
  readonly op: string;
  readonly format: string;
  /** The scheme as it was asked for, where there is one: 'nf4/64+double'. */
  readonly scheme?: string;
  /** 'per-tensor', 'per-channel(0)', 'per-group(0, 32)'. */
  readonly granularity: string;
  readonly values: number;
  readonly floatBytes: number;
  readonly codeBytes: number;
  readonly scaleBytes: number;
  readonly zeroPointBytes: number;
  /** Learned levels. */
  readonly bookBytes?: number;
  /** What is added to the codes: outliers, low-rank products. */
  readonly extraBytes?: number;
  /** What ONNX Runtime does with it; absent where a preset's notes say it. */
  readonly runs?: WeightRun;
}

/** A node that could have been a candidate but stays as it was, and why, in words for the user. */
export interface KeptNodeRecord {
  readonly node: string;
  readonly op: string;
  readonly why: string;
}

/** What a lowering did to a model. */
export interface LoweringResult {
  readonly quantized: readonly QuantizedWeightRecord[];
  readonly kept: readonly KeptNodeRecord[];
  /** Facts the user should know: what the runtime will do with the result. */
  readonly notes: readonly string[];
}

/** Which nodes may be touched: true, or the reason why not (`--keep`, `--only`, first/last layer). */
export type NodeFilter = (node: Node) => true | string;

/**
 * Largest magnitude of each value of the model, measured on data: known already, or found when asked for. A
 * value that could not be measured (inside a body of If, Loop or Scan) is absent.
 */
export type Magnitudes =
  | ReadonlyMap<string, number>
  | ((values: readonly string[]) => Promise<ReadonlyMap<string, number>>);

/** The magnitudes of `values`; undefined when there is no data. */
export async function magnitudesOf(
  source: Magnitudes | undefined,
  values: readonly string[],
): Promise<ReadonlyMap<string, number> | undefined> {
  return typeof source === 'function' ? source(values) : source;
}
