import type { ByteSink, SinkFolder } from './bytes.ts';
import { commitTogether } from './commit-together.ts';
import { memoryFolder } from './memory-folder.ts';

/** What a runtime can load of a staged file: its path, or its bytes with the files beside it. */
export type StagedModel =
  | { readonly path: string }
  | {
      readonly bytes: Uint8Array;
      readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
    };

/**
 * A place to write, open and measure an output before it gets its final name. `publish` moves what was
 * committed into the destination; `discard` leaves no trace. One of the two ends it.
 */
export interface Staging {
  /** Write here. Names are those of the destination. */
  readonly folder: SinkFolder;
  /** The staged file `name` in a form that a runtime loads. */
  model(name: string): StagedModel;
  /** Moves the files in the given order: the file that names the others last. Gives their final paths. */
  publish(names: readonly string[]): Promise<string[]>;
  discard(): Promise<void>;
}

/** Staging in memory, in front of any folder: pages and tests. */
export function stageInMemory(destination: SinkFolder): Staging {
  const memory = memoryFolder();
  return {
    folder: memory,
    model(name) {
      const bytes = memory.files.get(name)!;
      const others = [...memory.files].filter(([path]) => path !== name);
      return { bytes, externalData: others.map(([path, data]) => ({ path, data })) };
    },
    async publish(names) {
      const sinks: ByteSink[] = [];
      try {
        for (const name of names) {
          const sink = await destination.open(name);
          sinks.push(sink);
          await sink.write(memory.files.get(name)!);
        }
        await commitTogether(destination, sinks);
      } catch (error) {
        for (const sink of sinks) await sink.abort();
        throw error;
      }
      return [...names];
    },
    async discard() {
      memory.files.clear();
    },
  };
}
