import { lstatSync, type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail } from '../tensor/index.ts';
import { continuedFiles, type FileSet, freshFiles, publishedFiles } from './disk-files.node.ts';
import { fileError } from './file-error.node.ts';
import { isWritten, type Journal, readJournal } from './journal.node.ts';
import type { PartialFiles, PartialPlan } from './partial-files.ts';

/**
 * Opens partial files in an existing folder: each under a hidden name that follows from its own, so that a later run
 * finds it, at its full size from the start, and one journal beside them. A process that ends at any moment, however
 * hard, leaves those, and no file under a final name that is not whole.
 * @throws file/folder-missing, file/exists, file/is-source, file/busy (another process makes the same file),
 *   file/no-access, file/disk-full, file/failed
 */
export async function openPartialFiles(folder: string, plan: PartialPlan): Promise<PartialFiles> {
  const paths = plan.files.map(({ name }) => join(folder, name));
  const hidden = plan.files.map(({ name }) => join(folder, `.${name}.lowbit-part`));
  const journalPath = join(resolve(folder), `.${plan.files[0]!.name}.lowbit-journal`);
  try {
    if (!statSync(folder).isDirectory()) fail('file/folder-missing', { path: folder });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      fail('file/folder-missing', { path: folder }, error);
    return fileError(error, folder, 'written');
  }
  const before = readJournal(journalPath);
  if (before !== undefined && isWritten(before, journalPath)) {
    fail('file/busy', { path: paths[0]!, process: before.head.process, journal: journalPath });
  }
  const identity = { ...plan.identity, ...sourceIdentity(plan.sources ?? []) };
  const left = leftBehind(before, { ...plan, identity }, hidden, paths);
  const set: FileSet = { folder, plan: { ...plan, identity }, paths, hidden, journalPath };
  if (left.state === 'published') return publishedFiles(set, left.notes);
  refuseInTheWay(paths, plan, left.state === 'sealed');
  try {
    return left.state === 'fresh' ? freshFiles(set, left.notes) : continuedFiles(set, before!, left.notes);
  } catch (error) {
    return fileError(error, paths[0]!, 'written');
  }
}

/** What the files that are read looked like: a source that changed makes other bytes. */
function sourceIdentity(sources: readonly string[]): Record<string, string> {
  const entries = sources.flatMap((path): [string, string][] => {
    const info = statSync(path, { throwIfNoEntry: false });
    return info === undefined ? [] : [[path, `${info.size} bytes of ${Math.round(info.mtimeMs)}`]];
  });
  return Object.fromEntries(entries);
}

interface LeftBehind {
  readonly state: 'fresh' | 'begun' | 'sealed' | 'published';
  readonly notes: readonly string[];
}

/** What an earlier run left, and what becomes of it. */
function leftBehind(
  before: Journal | undefined,
  plan: PartialPlan,
  hidden: readonly string[],
  paths: readonly string[],
): LeftBehind {
  const parts = hidden.map((path) => statSync(path, { throwIfNoEntry: false }));
  const finals = paths.map((path) => statSync(path, { throwIfNoEntry: false }));
  const resume = plan.resume ?? false;
  if (before === undefined || (!resume && parts.every((part) => part === undefined))) {
    return { state: 'fresh', notes: resume ? ['There was nothing to resume: this run started afresh.'] : [] };
  }
  if (!resume) {
    const note =
      'What an interrupted run had left behind was removed; with --resume this run would have gone on from it.';
    return { state: 'fresh', notes: [note] };
  }
  const other = differences(before, plan);
  if (other.length > 0) {
    const what = `${other.join(', ')} ${other.length === 1 ? 'is' : 'are'} not the same`;
    return {
      state: 'fresh',
      notes: [`An interrupted run could not be resumed, because ${what}: started afresh.`],
    };
  }
  const sizes = plan.files.map((file) => file.sizeBytes);
  const whole = (info: Stats | undefined, i: number) => info?.size === sizes[i];
  const published =
    before.published?.every((was, i) => whole(finals[i], i) && finals[i]!.mtimeMs === was.modifiedMs) ??
    false;
  if (published) return { state: 'published', notes: ['An earlier run had finished this file.'] };
  if (
    before.published === undefined &&
    before.sealed &&
    parts.every((part, i) => whole(part, i) || (part === undefined && whole(finals[i], i)))
  ) {
    return { state: 'sealed', notes: ['Resumed: an earlier run had finished all but the name.'] };
  }
  if (!parts.every(whole)) {
    return {
      state: 'fresh',
      notes: ['An interrupted run could not be resumed, because its files are gone: started afresh.'],
    };
  }
  const done = before.finished.reduce((sum, unit) => sum + unit, 0);
  const percent = Math.floor((100 * done) / Math.max(1, plan.units));
  return { state: 'begun', notes: [`Resumed: an earlier run had finished ${percent} %.`] };
}

/** What the journal's run and this one do not share, in words. */
function differences({ head }: Journal, plan: PartialPlan): string[] {
  const keys = [...new Set([...Object.keys(head.identity), ...Object.keys(plan.identity)])];
  const other = keys.filter((key) => head.identity[key] !== plan.identity[key]);
  const layout = JSON.stringify([head.files, head.units]) !== JSON.stringify([plan.files, plan.units]);
  return layout && other.length === 0 ? ['the layout of the file'] : other;
}

/** @throws file/exists, file/is-source, file/not-a-file */
function refuseInTheWay(
  paths: readonly string[],
  { force, sources = [] }: PartialPlan,
  naming: boolean,
): void {
  const identityOf = (path: string) => {
    const info = statSync(path, { throwIfNoEntry: false, bigint: true });
    return info && `${info.dev}:${info.ino}`;
  };
  const read = new Set(sources.map(identityOf));
  for (const path of paths) {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) continue;
    if (there.isDirectory()) fail('file/not-a-file', { path });
    if (read.has(identityOf(path))) fail('file/is-source', { path });
    if (!force && !naming) fail('file/exists', { path });
  }
}
