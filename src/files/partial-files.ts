import type { ByteSink, ByteSource, SinkFolder } from './bytes.ts';
import { commitTogether } from './commit-together.ts';
import { memorySource } from './memory-source.ts';

/** A file of known size that is written in any order, before it has its name. */
export interface PartialFile {
  /** The one it will have. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Writes at `offset`, in bytes. What is never written is zero. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Of a file on this machine: its descriptor, for threads that write by themselves. */
  readonly descriptor?: number;
  /** Opens what was written, under the final name. */
  open(): Promise<ByteSource>;
}

/** Files that are made together, whole or not at all, and what of them is finished. */
export interface PartialFiles {
  readonly files: readonly PartialFile[];
  /** One byte per unit of work, 1 for those that an earlier run finished. */
  readonly finished: Uint8Array;
  /** Set when an earlier run had done all and given the files their names: their paths. */
  readonly published: readonly string[] | undefined;
  /** What the user should know about what lay there. */
  readonly notes: readonly string[];
  /** Brings what was written to disk, and then notes that these units are finished: one byte each, 1 for those. */
  remember(units: Uint8Array): Promise<void>;
  /** Brings all to disk and gives the files their names, the first one last. Gives their paths. */
  publish(): Promise<string[]>;
  /** After `publish`: forgets that there was a run. */
  forget(): Promise<void>;
  /** Ends without names. `keep`: what was remembered stays for a later run; otherwise nothing is left. */
  discard(keep?: boolean): Promise<void>;
}

/** What is to be made. */
export interface PartialPlan {
  /** The file that names the others, or that is opened, first. */
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
  /** Units of work that `remember` speaks of. */
  readonly units: number;
  /** What the bytes depend on, in words by what it is: a later run goes on only where all of it is the same. */
  readonly identity: Readonly<Record<string, string>>;
  /** What the files hold beyond their data, such as a digest of their headers. It follows from the identity: where both differ, only that is said. */
  readonly contents?: string;
  /**
   * Resuming where no run was interrupted: whether these files, which have the final names and sizes, and are no older
   * than any source, are what this run would make.
   */
  readonly isMade?: (files: readonly ByteSource[]) => Promise<boolean>;
  /** Go on where an earlier run of the same identity ended. Default: start afresh. */
  readonly resume?: boolean;
  /** Replace files that are there. Default false: they are an error before anything is written. */
  readonly force?: boolean;
  /** Paths that are never replaced, forced or not: the files that are being read. */
  readonly sources?: readonly string[];
}

/** Partial files in memory, in front of any folder: pages and tests. Nothing outlives the process. */
export function partialInMemory(folder: SinkFolder, plan: PartialPlan): PartialFiles {
  const memory = plan.files.map(({ sizeBytes }) => new Uint8Array(sizeBytes));
  return {
    files: plan.files.map(({ name, sizeBytes }, i) => ({
      name,
      sizeBytes,
      async write(offset, bytes) {
        memory[i]!.set(bytes, offset);
      },
      open: async () => memorySource(memory[i]!, name),
    })),
    finished: new Uint8Array(plan.units),
    published: undefined,
    notes: [],
    async remember() {},
    async publish() {
      const sinks: ByteSink[] = [];
      try {
        for (const [i, { name }] of plan.files.entries()) {
          const sink = await folder.open(name);
          sinks.push(sink);
          await sink.write(memory[i]!);
        }
        await commitTogether(folder, sinks.toReversed());
      } catch (error) {
        for (const sink of sinks) await sink.abort();
        throw error;
      }
      return plan.files.map(({ name }) => name);
    },
    async forget() {},
    async discard() {
      memory.length = 0;
    },
  };
}
