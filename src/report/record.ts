import type { KeptNodeRecord, QuantizedWeightRecord } from '../graph/index.ts';

/**
 * The record of a run: everything that was asked, done and measured. The terminal table, the JSON output
 * and the card inside the file are drawn from it. Schema version 1; fields are added, never repurposed.
 */

/** Everything that one run was asked, did and measured. */
export interface RunRecord {
  readonly schema: 1;
  readonly command: 'quantize' | 'convert' | 'evaluate' | 'compare';
  readonly lowbitVersion: string;
  readonly machine: MachineRecord;
  readonly source: FileRecord;
  /** What lowbit assumed because nobody said: layout, normalisation, labels. */
  readonly guesses: readonly string[];
  readonly calibration?: CalibrationRecord;
  readonly evaluation?: {
    readonly data: string;
    /** Samples; chunks of a text. */
    readonly samples: number;
    readonly text?: TextRecord;
  };
  /** The float model (or, for `evaluate` without `--against`, the model itself). */
  readonly baseline?: MeasurementRecord;
  /** What a reader should know about the run as a whole. */
  readonly notes?: readonly string[];
  /** Limits held against the baseline itself: `evaluate` without another model. */
  readonly limits?: readonly LimitRecord[];
  readonly outputs: readonly OutputRecord[];
  readonly seconds: number;
}

/** How a text was read for perplexity. */
export interface TextRecord {
  /** Tokens of a chunk, and chunks that were read. */
  readonly context: number;
  readonly chunks: number;
  /** Tokens whose likelihood was counted, and of the whole text. */
  readonly tokens: number;
  readonly textTokens: number;
}

/** What it ran on. */
export interface MachineRecord {
  readonly cpu: string | undefined;
  readonly cores: number;
  readonly vnni: boolean | undefined;
  /** 'onnxruntime-node 1.30.0'. */
  readonly runtime: string;
  readonly threads: number;
}

/** A model on disk. */
export interface FileRecord {
  readonly path: string;
  /** Model file and external data together. */
  readonly sizeBytes: number;
}

/** How activation ranges were found. */
export interface CalibrationRecord {
  readonly data: string;
  readonly samples: number;
  readonly observer: string;
  readonly seconds: number;
}

/** A figure of a model on the evaluation data. */
export interface MetricRecord {
  /** 'top-1', 'accuracy', 'f1', 'mse', 'mae', 'perplexity'. */
  readonly name: string;
  readonly value: number;
  /** Rates are fractions in [0, 1] and drop in percentage points; others drop in relative percent. */
  readonly kind: 'rate' | 'error' | 'score';
  readonly higherIsBetter: boolean;
  readonly samples: number;
  /** 95 % interval, where one is known. */
  readonly interval?: readonly [number, number];
  /** Of the value, where the metric has one of its own. */
  readonly standardError?: number;
}

/** Time of one run at one batch size, after warm-up. */
export interface LatencyRecord {
  readonly batch: number;
  readonly runs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  /** Against the float model, timed in turns with it; absent for the float model itself. */
  readonly speedup?: number;
}

/** What one model file was measured to be. */
export interface MeasurementRecord {
  readonly file: FileRecord;
  readonly metrics: readonly MetricRecord[];
  readonly latency: readonly LatencyRecord[];
  /** Growth of resident memory while loading and running, in a process of its own. undefined in a page. */
  readonly peakMemoryBytes?: number;
}

/** How close the outputs are to the float model's, over all samples and outputs. */
export interface AgreementRecord {
  readonly samples: number;
  /** Share of samples with the same argmax (or sign); absent where outputs are no scores. */
  readonly sameDecision?: number;
  readonly outputs: readonly {
    readonly name: string;
    /** Infinite when not one bit differs; JSON, which has no infinity, then says null. */
    readonly sqnrDb: number;
    readonly cosine: number;
    readonly maxAbsError: number;
  }[];
}

/** How far the output of one layer is from that of the float model. */
export interface LayerRecord {
  readonly node: string;
  readonly value: string;
  readonly sqnrDb: number;
}

/** A limit and what it was held against. */
export interface LimitRecord {
  /** As the user wrote it: '0.5%', 'top-1>=0.9'. */
  readonly text: string;
  readonly metric: string;
  readonly met: boolean;
  /** Percentage points for rates, relative percent otherwise; positive is worse. */
  readonly drop?: number;
  readonly value: number;
}

/** One preset: what was written, what it cost, or why there is nothing. */
export interface OutputRecord {
  readonly preset: string;
  /** 'done', 'limit-not-met', 'not-applicable' (with `why`), 'planned' (dry run). */
  readonly status: 'done' | 'limit-not-met' | 'not-applicable' | 'planned';
  readonly why?: string;
  readonly file?: FileRecord;
  readonly predictedSizeBytes?: number;
  readonly tensors: readonly QuantizedWeightRecord[];
  readonly kept: readonly KeptNodeRecord[];
  readonly notes: readonly string[];
  readonly measurement?: MeasurementRecord;
  readonly agreement?: AgreementRecord;
  /** Per-layer SQNR, worst first: on request, and always when a limit was not met. */
  readonly layers?: readonly LayerRecord[];
  readonly limits: readonly LimitRecord[];
  /** What a GGUF output holds. */
  readonly gguf?: GgufRecord;
  /** What an output with entropy-coded or generally quantized tensors holds. */
  readonly stored?: StoredRecord;
  readonly seconds: number;
}

/** A .lowbit file, or a safetensors file whose tensors have schemes. */
export interface StoredRecord {
  /** 8 x stored bytes / values, over the tensors below. */
  readonly bitsPerWeight: number;
  /** Over all codes: what is stored, and what no static table per tensor can beat. */
  readonly bitsPerCode: number;
  readonly entropyBits: number;
  /** Over all tensors together, in dB, where a run looked; null in JSON where nothing differs. */
  readonly sqnrDb?: number;
  readonly tensors: readonly StoredTensorRecord[];
  readonly files: readonly FileRecord[];
}

/** A tensor and its true bits. */
export interface StoredTensorRecord {
  readonly name: string;
  readonly shape: readonly number[];
  /** Element type or scheme: 'int8', 'nf4/64+double+rans'. */
  readonly as: string;
  readonly values: number;
  readonly codes: number;
  /** Scales, books and all else included. */
  readonly sizeBytes: number;
  readonly bitsPerWeight: number;
  readonly bitsPerCode: number;
  readonly entropyBits: number;
  /** What was read back against the float weight, in dB: where a run looked. */
  readonly sqnrDb?: number;
}

/** A GGUF output, planned or written. */
export interface GgufRecord {
  /** 'Q4_K_M'; absent where every tensor kept its type. */
  readonly fileType?: string;
  /** An earlier run had made it, or a part of it: the time is not that of the whole. */
  readonly resumed?: true;
  readonly search: 'best' | 'reference';
  /** Stored bits per weight over all tensors. */
  readonly bitsPerWeight: number;
  readonly types: readonly TypeShareRecord[];
  readonly tensors: readonly GgufTensorRecord[];
  /** Several where the output is split. */
  readonly files: readonly FileRecord[];
}

/** What of a model is stored as one type. */
export interface TypeShareRecord {
  /** ggml's name: 'Q4_K'. */
  readonly type: string;
  readonly tensors: number;
  readonly values: number;
  readonly sizeBytes: number;
}

/** A tensor of a GGUF output; types by ggml's names. */
export interface GgufTensorRecord {
  readonly name: string;
  /** Outermost axis first. */
  readonly shape: readonly number[];
  readonly from: string;
  readonly to: string;
  readonly sizeBytes: number;
  /** What the mixture wanted, where rows are no whole number of its blocks. */
  readonly instead?: string;
  /** Whether an importance matrix weighted its errors. */
  readonly weighted?: true;
}

/** Progress, for bars and logs. */
export type RunEvent =
  | {
      readonly type: 'step';
      readonly step: 'open' | 'plan' | 'calibrate' | 'correct' | 'quantize' | 'write' | 'verify';
      readonly preset?: string;
    }
  | {
      readonly type: 'progress';
      readonly label: string;
      readonly done: number;
      readonly total: number;
      readonly unit: 'samples' | 'tensors' | 'bytes' | 'runs';
    }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'output'; readonly output: OutputRecord };
