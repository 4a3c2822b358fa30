import { lstatSync, type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail } from '../tensor/index.ts';
import type { ByteSource } from './bytes.ts';
import { continuedFiles, type FileSet, freshFiles, publishedFiles } from './disk-files.node.ts';
import { fileError } from './file-error.node.ts';
import { openFileSource } from './file-source.node.ts';
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
  const contents: Record<string, string> = plan.contents === undefined ? {} : { [CONTENTS]: plan.contents };
  const identity = { ...plan.identity, ...sourceIdentity(plan.sources ?? []), ...contents };
  const left = leftBehind(before, { ...plan, identity }, hidden, paths);
  const set: FileSet = { folder, plan: { ...plan, identity }, paths, hidden, journalPath };
  if (left.state === 'published') return publishedFiles(set, left.notes);
  if (before === undefined && plan.resume && (await areMade(paths, plan))) {
    return publishedFiles(set, [
      'This file is whole already: its header is what this run would write, and tensors made again for a sample have its bytes. It was left as it is.',
    ]);
  }
  refuseInTheWay(paths, plan, left.state === 'sealed');
  try {
    return left.state === 'fresh' ? freshFiles(set, left.notes) : continuedFiles(set, before!, left.notes);
  } catch (error) {
    return fileError(error, paths[0]!, 'written');
  }
}

/** What the files hold, beside what it follows from. */
const CONTENTS = 'the layout of the file';

/** Whether files under the final names are those of this run. */
async function areMade(
  paths: readonly string[],
  { files, sources = [], isMade }: PartialPlan,
): Promise<boolean> {
  if (isMade === undefined) return false;
  const timeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = Math.max(0, ...sources.map(timeOf));
  for (const [i, path] of paths.entries()) {
    const info = statSync(path, { throwIfNoEntry: false });
    if (!info?.isFile() || info.size !== files[i]!.sizeBytes || info.mtimeMs < newest) return false;
  }
  const opened: ByteSource[] = [];
  try {
    for (const path of paths) opened.push(await openFileSource(path, path));
    return await isMade(opened);
  } finally {
    for (const source of opened) await source.close?.();
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
    const note = `An interrupted run could not be resumed, because ${what}: what it had finished was discarded, and this run started afresh.`;
    return { state: 'fresh', notes: [note] };
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
  const differ = keys.filter((key) => head.identity[key] !== plan.identity[key]);
  const other = differ.filter((key) => key !== CONTENTS);
  const layout = JSON.stringify([head.files, head.units]) !== JSON.stringify([plan.files, plan.units]);
  if (other.length === 0) return layout || differ.length > 0 ? [CONTENTS] : [];
  return other.map((key) => key + changeText(head.identity[key], plan.identity[key]));
}

/** ' (search: best then, reference now)' of two recipes; ' (0.1.0 then, 0.2.0 now)' of two short texts. */
function changeText(before: string | undefined, now: string | undefined): string {
  if (before === undefined || now === undefined) return '';
  const [was, is] = [before, now].map(fieldsOf);
  if (was !== undefined && is !== undefined) {
    const changed = [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((key) => {
      const [then, here] = [was[key], is[key]].map((value) => JSON.stringify(value) ?? 'nothing');
      return then === here ? [] : [`${key}: ${then} then, ${here} now`];
    });
    return ` (${changed.join('; ')})`;
  }
  return before.length + now.length <= 40 && !/ bytes of /.test(now) ? ` (${before} then, ${now} now)` : '';
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
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
