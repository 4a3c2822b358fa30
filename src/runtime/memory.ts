import { platform } from '#runtime-platform';
import { fail, throwIfAborted } from '../tensor/index.ts';
import { withExternalData } from './external-model.ts';
import type { Feeds, LoadOptions, RuntimeModel, RuntimeName } from './runtime.ts';
import { tidyMessage } from './tidy-message.ts';

/** Runs while memory is watched: the first allocates, the next ones show whether more is wanted. */
const defaultRuns = 3;

/**
 * Growth of resident memory, in bytes, while the model is loaded and run in a process of its own: peak less
 * what the process took before, with ONNX Runtime already in it. undefined in a page, where nobody can see.
 * @throws runtime/memory-failed when the process cannot load or run the model; run/aborted.
 */
export async function measureMemory(
  model: RuntimeModel,
  feeds: Feeds,
  options: {
    readonly runtime: RuntimeName;
    readonly threads: number;
    readonly runs?: number;
    readonly load?: LoadOptions;
    readonly signal?: AbortSignal;
  },
): Promise<number | undefined> {
  const { runtime, threads, runs = defaultRuns, load = {}, signal } = options;
  throwIfAborted(signal);
  if (platform.measureMemory === undefined) return undefined;
  const own = runtime !== 'native' && 'path' in model ? await withExternalData(model.path) : model;
  const reply = await platform.measureMemory(
    { model: own, feeds, runtime, threads, runs, options: load },
    signal,
  );
  throwIfAborted(signal);
  if (!reply.ok) fail('runtime/memory-failed', { runtime, message: tidyMessage(reply.message) });
  return reply.peakBytes;
}
