import type { ByteSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';

const chunkBytes = 2 ** 20;
/** One offset is kept for so many lines: 8 bytes per 64 samples. */
const linesPerMark = 64;
/** 64 lines are read at once; a line of 4 MB is no sample. */
const maxLineBytes = 4 * 2 ** 20;
const newline = 10;

/** The lines of a text file by number, read in ranges. */
export interface LineIndex {
  readonly name: string;
  readonly count: number;
  read(start: number, count: number): Promise<string[]>;
}

/** Scans the file once for line ends; an empty last line is none. */
export async function indexLines(source: ByteSource): Promise<LineIndex> {
  const marks: number[] = [0];
  let count = 0;
  let lineStart = 0;
  for (let at = 0; at < source.size; at += chunkBytes) {
    const chunk = await source.read(at, Math.min(chunkBytes, source.size - at));
    for (let i = chunk.indexOf(newline); i >= 0; i = chunk.indexOf(newline, i + 1)) {
      checkLine(source, at + i - lineStart);
      lineStart = at + i + 1;
      if (++count % linesPerMark === 0) marks.push(lineStart);
    }
  }
  if (lineStart < source.size) {
    checkLine(source, source.size - lineStart);
    count++;
  }
  return {
    name: source.name,
    count,
    async read(start, number) {
      const first = Math.floor(start / linesPerMark);
      const last = Math.ceil((start + number) / linesPerMark);
      const from = marks[first]!;
      const to = marks[last] ?? source.size;
      const lines = new TextDecoder().decode(await source.read(from, to - from)).split('\n');
      const skip = start - first * linesPerMark;
      return lines.slice(skip, skip + number).map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
    },
  };
}

function checkLine(source: ByteSource, length: number): void {
  if (length > maxLineBytes) {
    fail('data/too-large', { file: source.name, what: 'a line', got: length, limit: maxLineBytes });
  }
}
