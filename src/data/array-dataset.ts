import { elementCount, fail, type Tensor, throwIfAborted, zeros } from '../tensor/index.ts';
import type { Batch, Dataset, Task } from './dataset.ts';

/** Arrays in memory as a dataset: one row per sample along the first axis. */
export interface ArrayDatasetOptions {
  readonly name?: string;
  /** Tensors by input name, samples along the first axis. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly labels?: ArrayLike<number>;
  /** Target tensors by output name, samples along the first axis. */
  readonly targets?: Readonly<Record<string, Tensor>>;
  readonly task?: Task;
  readonly labelNames?: readonly string[];
  readonly output?: string;
  /** Samples per batch, for a model whose batch dimension is fixed. */
  readonly fixedBatch?: number;
}

/**
 * A dataset of tensors that are already in memory.
 * @throws data/count-mismatch when the first axes differ; data/empty without samples.
 * @example arrayDataset({ inputs: { x: float32([2, 3], [1, 2, 3, 4, 5, 6]) }, labels: [0, 1] })
 */
export function arrayDataset(options: ArrayDatasetOptions): Dataset {
  const { name = 'arrays in memory', inputs, labels, targets, labelNames, output, fixedBatch } = options;
  const sizes = Object.entries({ ...inputs, ...targets }).map(([key, t]): [string, number] => [
    `'${key}'`,
    t.dims[0] ?? 0,
  ]);
  if (labels !== undefined) sizes.push(['the label list', labels.length]);
  const [first, size] = sizes[0] ?? ['', 0];
  for (const [other, count] of sizes) {
    if (count !== size) fail('data/count-mismatch', { first, firstCount: size, other, otherCount: count });
  }
  if (size === 0) fail('data/empty', { path: name });
  const slice = (tensors: Readonly<Record<string, Tensor>>, at: number, count: number) =>
    Object.fromEntries(Object.entries(tensors).map(([key, t]) => [key, rowsOf(t, at, count)]));
  return inBatches({
    name,
    size,
    task:
      options.task ??
      (targets !== undefined ? 'regression' : labels !== undefined ? 'classification' : 'none'),
    labelNames,
    output,
    fixedBatch,
    guesses: [],
    read: async (at, count) => ({
      size: count,
      feeds: slice(inputs, at, count),
      labels:
        labels === undefined ? undefined : Int32Array.from({ length: count }, (_, i) => labels[at + i]!),
      targets: targets === undefined ? undefined : slice(targets, at, count),
    }),
  });
}

/** One sample as a generator makes it: no batch axis. */
export interface GeneratedSample {
  /** One sample per input, without the batch axis. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly label?: number;
}

/** Samples that are made when they are asked for. */
export interface GeneratedDatasetOptions {
  readonly name: string;
  readonly size: number;
  readonly task?: Task;
  readonly labelNames?: readonly string[];
  readonly output?: string;
  /** Samples per batch, for a model whose batch dimension is fixed. */
  readonly fixedBatch?: number;
  /** Makes sample `index`; the same index gives the same sample. Shapes and types are the same for all. */
  sample(index: number): GeneratedSample | Promise<GeneratedSample>;
}

/**
 * A dataset whose samples are computed when a batch asks for them.
 * @example generatedDataset({ name: 'noise', size: 100, sample: (i) => ({ inputs: { x: noise(i) } }) })
 */
export function generatedDataset(options: GeneratedDatasetOptions): Dataset {
  const { name, size, labelNames, output, fixedBatch, sample } = options;
  if (size < 1) fail('data/empty', { path: name });
  return inBatches({
    name,
    size,
    task: options.task ?? 'classification',
    labelNames,
    output,
    fixedBatch,
    guesses: [],
    async read(at, count) {
      const samples: GeneratedSample[] = [];
      for (let i = 0; i < count; i++) samples.push(await sample(at + i));
      const feeds: Record<string, Tensor> = {};
      for (const input of Object.keys(samples[0]!.inputs))
        feeds[input] = stack(samples.map((s) => s.inputs[input]!));
      const labelled = samples.every((s) => s.label !== undefined);
      return { size: count, feeds, labels: labelled ? Int32Array.from(samples, (s) => s.label!) : undefined };
    },
  });
}

function inBatches(
  dataset: Omit<Dataset, 'batches'> & { read(at: number, count: number): Promise<Batch> },
): Dataset {
  const { read, ...rest } = dataset;
  return {
    ...rest,
    async *batches({ batchSize, start = 0, end = rest.size, signal }) {
      const step = rest.fixedBatch ?? batchSize;
      const stop = Math.min(end, rest.size);
      for (let at = start; at < stop; at += step) {
        throwIfAborted(signal);
        const batch = await read(at, Math.min(step, stop - at));
        yield rest.fixedBatch === undefined
          ? batch
          : { ...batch, feeds: filledUp(batch.feeds, rest.fixedBatch) };
      }
    },
  };
}

/** Repeats the last sample until a fixed batch is full. */
function filledUp(feeds: Batch['feeds'], wanted: number): Batch['feeds'] {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, t]) => {
      const size = t.dims[0] ?? wanted;
      if (size >= wanted) return [name, t];
      const rows = Array.from({ length: wanted }, (_, i) => rowsOf(t, Math.min(i, size - 1), 1));
      return [name, stack(rows.map((row) => ({ ...row, dims: row.dims.slice(1) })))];
    }),
  );
}

function rowsOf(t: Tensor, at: number, count: number): Tensor {
  const row = elementCount(t.dims.slice(1));
  return {
    dtype: t.dtype,
    dims: [count, ...t.dims.slice(1)],
    data: t.data.slice(at * row, (at + count) * row) as Tensor['data'],
  };
}

function stack(parts: readonly Tensor[]): Tensor {
  const first = parts[0]!;
  const row = first.data.length;
  const data = zeros(first.dtype as 'float32', row * parts.length);
  for (const [i, part] of parts.entries()) data.set(part.data as Float32Array, i * row);
  return { dtype: first.dtype, dims: [parts.length, ...first.dims], data: data as Tensor['data'] };
}
