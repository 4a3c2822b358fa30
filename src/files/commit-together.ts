import type { ByteSink, SinkFolder } from './bytes.ts';

/** Commits files that belong together in the given order: external data first, the model that names it last. */
export async function commitTogether(folder: SinkFolder, sinks: readonly ByteSink[]): Promise<void> {
  if (folder.commit !== undefined) return folder.commit(sinks);
  for (const sink of sinks) await sink.commit();
}
