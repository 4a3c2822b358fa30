import type { Batch, Dataset } from '../data/index.ts';
import type { Session } from '../runtime/index.ts';
import { fail, type Tensor, throwIfAborted } from '../tensor/index.ts';

export interface RunBatchesOptions {
  readonly session: Session;
  readonly dataset: Dataset;
  /** Samples used, from the first on. Default: all. */
  readonly samples?: number;
  readonly batchSize: number;
  /** One run per group of output names; all in one run when there is one group. */
  readonly groups: readonly (readonly string[])[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Runs a dataset through a session, one run ahead of the consumer: while `consume` works on a result, the
 * engine makes the next one. At most two results are alive.
 * @throws calibration/no-samples when there is nothing to run.
 */
export async function runBatches(
  options: RunBatchesOptions,
  consume: (results: Readonly<Record<string, Tensor>>, batch: Batch) => void,
): Promise<void> {
  const { session, dataset, batchSize, groups, signal, onProgress } = options;
  const total = usableSamples(options);
  let done = 0;
  let previous: { readonly results: Promise<Record<string, Tensor>>; readonly batch: Batch } | undefined;
  const finish = async () => {
    if (previous === undefined) return;
    const { results, batch } = previous;
    previous = undefined;
    consume(await results, batch);
  };
  for await (const batch of dataset.batches({ batchSize, end: total, ...(signal && { signal }) })) {
    for (const outputs of groups) {
      throwIfAborted(signal);
      const results = session.run(batch.feeds, outputs);
      results.catch(() => {}); // awaited below, unless `consume` throws first
      await finish();
      previous = { results, batch };
    }
    done += batch.size;
    onProgress?.(done, total);
  }
  await finish();
  if (done === 0) fail('calibration/no-samples', { dataset: dataset.name });
}

/** The batch size of a model that takes no other. */
export function fixedBatch({ inputs }: Session): number | undefined {
  return inputs.map(({ shape }) => shape[0]).find((size) => typeof size === 'number');
}

/** A model with a fixed batch takes whole batches only. */
function usableSamples({ dataset, samples, batchSize, session }: RunBatchesOptions): number {
  const asked = Math.min(samples ?? dataset.size, dataset.size);
  const usable = fixedBatch(session) === undefined ? asked : asked - (asked % batchSize);
  if (!(usable > 0)) fail('calibration/no-samples', { dataset: dataset.name });
  return usable;
}
