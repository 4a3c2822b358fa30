import {
  close,
  closeSync,
  fdatasync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  write,
} from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { fail } from '../tensor/index.ts';
import { fileError } from './file-error.node.ts';
import { openFileSource } from './file-source.node.ts';
import {
  appendJournal,
  claimJournal,
  type Journal,
  rangesOf,
  readJournal,
  startJournal,
} from './journal.node.ts';
import type { PartialFile, PartialFiles, PartialPlan } from './partial-files.ts';

const writeFd = promisify(write);
const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);
const closeFd = promisify(close);

/** The places of partial files: final paths, hidden ones, the journal. */
export interface FileSet {
  readonly folder: string;
  readonly plan: PartialPlan;
  readonly paths: readonly string[];
  readonly hidden: readonly string[];
  readonly journalPath: string;
}

/** Files at their full size with nothing in them, and a new journal; what lay there goes. */
export function freshFiles(set: FileSet, notes: readonly string[]): PartialFiles {
  const { folder, plan, hidden, journalPath, paths } = set;
  const clear = () => {
    for (const path of [...hidden, journalPath]) rmSync(path, { force: true });
  };
  clear();
  refuseWithoutRoom(folder, paths[0]!, plan);
  const { identity, files, units } = plan;
  let journal: number;
  try {
    journal = startJournal(journalPath, { identity, files, units });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const other = readJournal(journalPath)?.head.process ?? 0;
    fail('file/busy', { path: paths[0]!, process: other, journal: journalPath });
  }
  const open: number[] = [];
  try {
    for (const [i, path] of hidden.entries()) {
      open.push(openSync(path, 'wx'));
      ftruncateSync(open[i]!, plan.files[i]!.sizeBytes);
    }
    syncFolder(folder);
  } catch (error) {
    for (const descriptor of [...open, journal]) closeSync(descriptor);
    clear();
    throw error;
  }
  return new DiskFiles(set, open, journal, new Uint8Array(units), notes);
}

/** The files of an earlier run, under a journal of our own that starts with what that run had finished. */
export function continuedFiles(set: FileSet, before: Journal, notes: readonly string[]): PartialFiles {
  const { plan, hidden, journalPath, folder } = set;
  // A file that has its name already is not written any more.
  const open = hidden.map((path) =>
    statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : openSync(path, 'r+'),
  );
  const { identity, files, units } = plan;
  // Beside the old one until it is whole: a process that ends here leaves what can be resumed.
  const next = `${journalPath}-next`;
  rmSync(next, { force: true });
  const journal = startJournal(next, { identity, files, units });
  const finished = before.sealed ? new Uint8Array(units).fill(1) : before.finished;
  appendJournal(journal, { finished: rangesOf(finished, new Uint8Array(units)) });
  if (before.sealed) appendJournal(journal, { sealed: true });
  renameSync(next, journalPath);
  syncFolder(folder);
  return new DiskFiles(set, open, journal, finished, notes);
}

/** Files that an earlier run had given their names. */
export function publishedFiles(
  { paths, plan, journalPath }: FileSet,
  notes: readonly string[],
): PartialFiles {
  return {
    files: [],
    finished: new Uint8Array(plan.units).fill(1),
    published: paths,
    notes,
    async remember() {},
    publish: async () => [...paths],
    forget: () => rm(journalPath, { force: true }),
    async discard() {},
  };
}

/** @throws file/disk-full when the disk says that it has no room for the files */
function refuseWithoutRoom(folder: string, path: string, { files }: PartialPlan): void {
  const wanted = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const { bavail, bsize, blocks } = statfsSync(folder);
  // Some network file systems know no sizes.
  if (blocks > 0 && bavail * bsize < wanted) fail('file/disk-full', { path });
}

/** Makes names durable; not every platform can open a folder. */
function syncFolder(folder: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(folder, 'r');
    fsyncSync(descriptor);
  } catch {
    // Then the file system keeps its own order.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

class DiskFiles implements PartialFiles {
  readonly files: readonly PartialFile[];
  readonly finished: Uint8Array;
  readonly published = undefined;
  readonly notes: readonly string[];
  readonly #set: FileSet;
  readonly #open: (number | undefined)[];
  #journal: number | undefined;
  #remembered: Uint8Array;

  constructor(
    set: FileSet,
    open: readonly (number | undefined)[],
    journal: number,
    finished: Uint8Array,
    notes: readonly string[],
  ) {
    this.#set = set;
    this.#open = [...open];
    this.#journal = journal;
    this.#remembered = finished.slice();
    this.finished = finished;
    this.notes = notes;
    claimJournal(set.journalPath, true);
    this.files = set.plan.files.map(({ name, sizeBytes }, i) => ({
      name,
      sizeBytes,
      descriptor: open[i],
      write: (offset, bytes) => this.#write(i, offset, bytes),
      open: () => openFileSource(open[i] === undefined ? set.paths[i]! : set.hidden[i]!, set.paths[i]!),
    }));
  }

  async #write(file: number, offset: number, bytes: Uint8Array): Promise<void> {
    const descriptor = this.#open[file];
    if (descriptor === undefined) return;
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await writeFd(
        descriptor,
        bytes,
        done,
        bytes.byteLength - done,
        offset + done,
      ).catch((error) => fileError(error, this.#set.paths[file]!, 'written'));
      done += bytesWritten;
    }
  }

  async remember(units: Uint8Array): Promise<void> {
    const finished = rangesOf(units, this.#remembered);
    if (finished === '' || this.#journal === undefined) return;
    const now = units.slice();
    for (const [i, descriptor] of this.#open.entries()) {
      if (descriptor === undefined) continue;
      await syncData(descriptor).catch((error) => fileError(error, this.#set.paths[i]!, 'written'));
    }
    if (this.#journal !== undefined) appendJournal(this.#journal, { finished });
    this.#remembered = now;
  }

  async publish(): Promise<string[]> {
    const { paths, hidden, folder, plan } = this.#set;
    for (const [i, descriptor] of this.#open.entries()) {
      if (descriptor === undefined) continue;
      await syncAll(descriptor).catch((error) => fileError(error, paths[i]!, 'written'));
      this.#open[i] = undefined;
      await closeFd(descriptor);
    }
    appendJournal(this.#journal!, { sealed: true });
    // The first file names the others, or is the one that is opened: it comes last.
    for (const i of [...paths.keys()].reverse()) {
      await giveName(hidden[i]!, paths[i]!, plan.force ?? false).catch((error) =>
        fileError(error, paths[i]!, 'written'),
      );
    }
    syncFolder(folder);
    const published = paths.map((path) => {
      const { size, mtimeMs } = statSync(path);
      return { sizeBytes: size, modifiedMs: mtimeMs };
    });
    appendJournal(this.#journal!, { published });
    return [...paths];
  }

  async forget(): Promise<void> {
    this.#closeJournal();
    await rm(this.#set.journalPath, { force: true });
  }

  async discard(keep = false): Promise<void> {
    for (const [i, descriptor] of this.#open.entries()) {
      this.#open[i] = undefined;
      if (descriptor !== undefined) await closeFd(descriptor).catch(() => {});
    }
    this.#closeJournal();
    if (keep) return;
    for (const path of [...this.#set.hidden, this.#set.journalPath]) await rm(path, { force: true });
  }

  #closeJournal(): void {
    claimJournal(this.#set.journalPath, false);
    if (this.#journal !== undefined) closeSync(this.#journal);
    this.#journal = undefined;
  }
}

/**
 * Gives a file its name; an earlier run may have done so, or have come half way. A hard link never replaces a file
 * that appeared meanwhile; file systems without links get a plain rename.
 */
async function giveName(from: string, to: string, force: boolean): Promise<void> {
  const [hidden, named] = [from, to].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  if (hidden === undefined && named !== undefined) return;
  if (hidden !== undefined && hidden.ino === named?.ino && hidden.dev === named.dev) return rm(from);
  if (force) return rename(from, to);
  try {
    await link(from, to);
  } catch (error) {
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return rename(from, to);
  }
  await rm(from, { force: true });
}
