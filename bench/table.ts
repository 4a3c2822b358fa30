import { mkdirSync, writeFileSync } from 'node:fs';
import { markdownTable } from 'lowbit/report';
import { projectFile } from '../examples/glyphs/project-file.ts';

export type Row = Readonly<Record<string, string>>;

/** Prints rows as a Markdown table and leaves the same under out/bench/. */
export function publish(name: string, rows: readonly Row[]): void {
  const titles = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = markdownTable(
    titles.map((title) => ({ title, cell: (row: Row) => row[title] ?? '' })),
    rows,
  );
  console.log(`\n${text}`);
  mkdirSync(projectFile('out/bench'), { recursive: true });
  writeFileSync(projectFile(`out/bench/${name}.md`), `${text}\n`);
}

export const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
export const points = (value: number): string => `${value > 0 ? '+' : ''}${(100 * value).toFixed(2)}`;
export const ratio = (value: number): string => `${value.toFixed(2)}x`;
export const ms = (value: number): string => value.toPrecision(3);
export const mb = (bytes: number): string => (bytes / 1e6).toPrecision(3);
