import { resultColumns, resultRows } from './measurement-columns.ts';
import type { RunRecord } from './record.ts';
import { markdownTable } from './text-table.ts';

/** The table of results as Markdown, for documents: the same columns as the terminal. */
export function markdownReport(record: RunRecord): string {
  const rows = resultRows(record);
  const { name, quality, cost } = resultColumns(rows, (text) => text);
  return markdownTable([{ ...name, title: 'model' }, ...quality, ...cost], rows);
}
