import type { MachineRecord, RunEvent } from '../report/index.ts';
import { capabilities, createRuntime, type Runtime } from '../runtime/index.ts';
import { throwIfAborted } from '../tensor/index.ts';
import type { CommonOptions } from './recipe.ts';

/** What every step of a run is handed: the engine, where events go, when to stop. */
export interface RunContext {
  readonly runtime: Runtime;
  readonly signal: AbortSignal | undefined;
  readonly emit: (event: RunEvent) => void;
  /** A progress callback for one labelled step. */
  readonly progress: (
    label: string,
    unit: 'samples' | 'tensors' | 'bytes' | 'runs',
  ) => (progress: { readonly done: number; readonly total: number }) => void;
}

/** Runs `work` with a runtime that is closed afterwards, unless the caller brought it. */
export async function withContext<T>(
  options: CommonOptions,
  work: (context: RunContext) => Promise<T>,
): Promise<T> {
  const { signal, onEvent, runtime: wanted, threads } = options;
  throwIfAborted(signal);
  const own = typeof wanted !== 'object';
  const runtime = own
    ? await createRuntime(wanted, { ...(threads !== undefined && { threads }), ...(signal && { signal }) })
    : wanted;
  const emit = onEvent ?? (() => {});
  for (const text of runtime.notes ?? []) emit({ type: 'note', text });
  try {
    return await work({
      runtime,
      signal,
      emit,
      progress: (label, unit) => (at) => emit({ type: 'progress', label, unit, ...at }),
    });
  } finally {
    if (own) await runtime.close();
  }
}

/** What this machine is, for the record. */
export async function machineRecord(runtime: Runtime): Promise<MachineRecord> {
  const { cpu, cores, vnni } = await capabilities();
  return { cpu, cores, vnni, runtime: `${runtime.version} (${runtime.name})`, threads: runtime.threads };
}
