import { fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * The journal of a run: lines of JSON. The first says what the run makes and who writes it, the others what is
 * finished, each written after the data that it speaks of were on disk. A last line that was cut off counts as not
 * there.
 */
export interface JournalHead {
  readonly lowbit: 'journal';
  readonly version: 1;
  readonly process: number;
  readonly host: string;
  readonly identity: Readonly<Record<string, string>>;
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
  readonly units: number;
}

/** A line after the first. */
export type JournalEntry =
  /** Finished units, as ranges: '0-31,40'. */
  | { readonly finished: string }
  /** All is finished and on disk; only names are left to give. */
  | { readonly sealed: true }
  /** Names are given; the files as they were then. */
  | { readonly published: readonly { readonly sizeBytes: number; readonly modifiedMs: number }[] };

export interface Journal {
  readonly head: JournalHead;
  readonly finished: Uint8Array;
  readonly sealed: boolean;
  readonly published: readonly { readonly sizeBytes: number; readonly modifiedMs: number }[] | undefined;
}

/** Reads a journal; undefined where there is none that can be understood. */
export function readJournal(path: string): Journal | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  // What follows the last line end was cut off.
  const lines = text.split('\n').slice(0, -1);
  const [head, ...entries] = lines.map(parseLine) as [
    JournalHead | undefined,
    ...(JournalEntry | undefined)[],
  ];
  if (head?.lowbit !== 'journal' || head.version !== 1) return undefined;
  const finished = new Uint8Array(head.units);
  let sealed = false;
  let published: Journal['published'];
  for (const entry of entries) {
    if (entry === undefined) break;
    if ('finished' in entry) markRanges(entry.finished, finished);
    if ('sealed' in entry) sealed = true;
    if ('published' in entry) published = entry.published;
  }
  return { head, finished, sealed, published };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Journals that this process writes. */
const own = new Set<string>();

/** Makes a journal. @throws EEXIST when there is one. */
export function startJournal(
  path: string,
  head: Omit<JournalHead, 'lowbit' | 'version' | 'process' | 'host'>,
): number {
  const descriptor = openSync(path, 'wx');
  const whole = { lowbit: 'journal', version: 1, process: process.pid, host: hostname(), ...head };
  appendJournal(descriptor, whole as JournalHead);
  return descriptor;
}

/** Says that this process writes the journal at `path` from now on, or no longer. */
export function claimJournal(path: string, writing: boolean): void {
  if (writing) own.add(path);
  else own.delete(path);
}

/** Appends a line and brings it to disk. */
export function appendJournal(descriptor: number, entry: JournalHead | JournalEntry): void {
  writeSync(descriptor, `${JSON.stringify(entry)}\n`);
  fdatasyncSync(descriptor);
}

/**
 * Whether somebody still writes a journal: this process, or another one of this machine that lives. One with our own
 * number that is not ours was written by a process that had the number before.
 */
export function isWritten({ head }: Journal, path: string): boolean {
  if (own.has(path)) return true;
  if (head.host !== hostname() || head.process === process.pid) return false;
  try {
    process.kill(head.process, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Set bytes as ranges, '0-31,40', without those that are set in `before`. */
export function rangesOf(units: Uint8Array, before: Uint8Array): string {
  const ranges: string[] = [];
  for (let i = 0; i < units.length; i++) {
    if (units[i] !== 1 || before[i] === 1) continue;
    const from = i;
    while (units[i + 1] === 1 && before[i + 1] !== 1) i++;
    ranges.push(from === i ? String(i) : `${from}-${i}`);
  }
  return ranges.join(',');
}

function markRanges(text: string, units: Uint8Array): void {
  for (const range of text.split(',').filter((part) => part !== '')) {
    const [from, to = from] = range.split('-').map(Number);
    units.fill(1, from, to! + 1);
  }
}
