import type { PartialFiles } from '../../files/index.ts';
import type { OutputRecord } from '../../report/index.ts';
import { throwIfAborted } from '../../tensor/index.ts';
import type { GgufPlan } from './plan-gguf.ts';
import type { GgufRun } from './quantize-gguf.ts';
import { verifyGguf } from './verify-gguf.ts';

/** How often what is finished is brought to disk and noted: what a killed run loses at most. */
const REMEMBER_MS = 1000;

/** Writes one output, verifies it and gives it its name. */
export async function writeOutput(
  { options, recipe, pool, emit }: GgufRun,
  plan: GgufPlan,
  partial: PartialFiles,
): Promise<Pick<OutputRecord, 'status' | 'file' | 'notes' | 'seconds'> & { readonly resumed: boolean }> {
  const started = performance.now();
  const resumed = partial.finished.some((unit) => unit === 1);
  const { label } = plan.target;
  const { signal } = options;
  const record = (paths: readonly string[], made = true) => ({
    status: 'done' as const,
    file: { path: paths[0]!, sizeBytes: plan.sizeBytes },
    notes: partial.notes,
    // What an earlier run had finished took this one no time.
    seconds: made ? (performance.now() - started) / 1000 : 0,
    resumed,
  });
  for (const text of partial.notes) emit({ type: 'note', text });
  if (partial.published !== undefined) return record(partial.published, false);

  emit({ type: 'step', step: 'quantize', preset: label });
  for (const [i, { layout }] of plan.files.entries()) await partial.files[i]!.write(0, layout.header);
  let remembered = performance.now();
  await pool.encode({
    jobs: plan.jobs,
    outputs: partial.files,
    search: recipe.search,
    done: partial.finished,
    ...(signal && { signal }),
    onProgress: (at) =>
      emit({ type: 'progress', label: `write ${plan.files[0]!.name}`, unit: 'bytes', ...at }),
    async onTiles(done) {
      if (performance.now() - remembered < REMEMBER_MS) return;
      await partial.remember(done);
      remembered = performance.now();
    },
  });
  throwIfAborted(signal);
  emit({ type: 'step', step: 'verify', preset: label });
  await verifyGguf(plan, partial.files, signal);
  return record(await partial.publish());
}
