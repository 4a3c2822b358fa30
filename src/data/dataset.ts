import type { Tensor } from '../tensor/index.ts';

/** What the numbers mean, so that the right metric is computed. */
export type Task =
  | 'classification' // one label per sample, argmax of the output
  | 'binary' // one label per sample in {0, 1}, sign or threshold of one output
  | 'regression' // target tensors
  | 'none'; // no labels: agreement with the float model only

/** One batch, ready to feed: inputs by the model's own input names, first dimension the batch. */
export interface Batch {
  /**
   * Samples in the batch. A model with a fixed batch above 1 gets feeds of that many rows: then the last
   * sample is repeated at the end, and only the first `size` rows of an output count.
   */
  readonly size: number;
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Present when the dataset has them; one per sample. */
  readonly labels?: Int32Array;
  /** Target tensors by output name, for regression. */
  readonly targets?: Readonly<Record<string, Tensor>>;
}

/** A dataset bound to the inputs of a model. Nothing is held but the batch in hand. */
export interface Dataset {
  readonly name: string;
  /** Number of samples. */
  readonly size: number;
  readonly task: Task;
  readonly labelNames?: readonly string[];
  /** Name of the model output that the task reads; default: the first one. */
  readonly output?: string;
  /** What was guessed rather than given, in words. */
  readonly guesses: readonly string[];
  /** Samples per batch that the model insists on, where its batch dimension is fixed. */
  readonly fixedBatch?: number;
  /** Batches over samples [start, end), of at most `batchSize`, or of `fixedBatch`. */
  batches(options: {
    readonly batchSize: number;
    readonly start?: number;
    readonly end?: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<Batch>;
}
