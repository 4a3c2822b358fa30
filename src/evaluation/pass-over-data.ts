import type { Batch, Dataset } from '../data/index.ts';
import type { Session } from '../runtime/index.ts';
import { fail, type Tensor, throwIfAborted } from '../tensor/index.ts';
import { checkFinite } from './check-finite.ts';

/** A loaded model and what messages call it. */
export interface NamedSession {
  readonly name: string;
  readonly session: Session;
}

/** The data of one pass, and how it is taken. */
export interface PassOptions {
  readonly dataset: Dataset;
  /** Samples per run, at most. Default 32. */
  readonly batchSize?: number;
  /** At most so many samples, from the start. Default: all. */
  readonly samples?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

const defaultBatchSize = 32;

/**
 * Runs every model over the same batches, once. Only the batch in hand is in memory.
 * Returns the number of samples seen.
 * @throws evaluation/empty, evaluation/not-finite, run/aborted, and what the runtime throws.
 */
export async function passOverData(
  models: readonly NamedSession[],
  options: PassOptions,
  visit: (batch: Batch, outputs: readonly Readonly<Record<string, Tensor>>[]) => void,
): Promise<number> {
  const { dataset, signal, onProgress } = options;
  const { batchSize = defaultBatchSize, samples = dataset.size } = options;
  const end = Math.min(samples, dataset.size);
  let done = 0;
  for await (const batch of dataset.batches({ batchSize, start: 0, end, signal })) {
    throwIfAborted(signal);
    // Queued together: the worker goes from one to the next without waiting for this thread.
    const results = await Promise.all(models.map(({ session }) => session.run(batch.feeds)));
    const outputs = results.map((result) => firstRows(result, batch.size, dataset.fixedBatch));
    for (const [i, { name }] of models.entries()) checkFinite(name, outputs[i]!, done, batch.size);
    visit(batch, outputs);
    done += batch.size;
    onProgress?.({ done, total: end });
  }
  throwIfAborted(signal);
  if (done === 0) fail('evaluation/empty', { data: dataset.name });
  return done;
}

/**
 * The first `size` rows of every output of a batch that was filled up to `rows`; others are no rows of
 * samples and stay.
 */
function firstRows(
  outputs: Readonly<Record<string, Tensor>>,
  size: number,
  rows: number | undefined,
): Readonly<Record<string, Tensor>> {
  if (rows === undefined || rows <= size) return outputs;
  const cut = Object.entries(outputs).map(([name, t]) => {
    if (t.dims[0] !== rows) return [name, t];
    const data = t.data.slice(0, (t.data.length / rows) * size);
    return [name, { ...t, dims: [size, ...t.dims.slice(1)], data } as Tensor];
  });
  return Object.fromEntries(cut);
}
