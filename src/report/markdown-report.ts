import { resultColumns, resultRows, speedNote } from './measurement-columns.ts';
import type { RunRecord } from './record.ts';
import { markdownTable } from './text-table.ts';

/** The table of results as Markdown, for documents: the same columns as the terminal. */
export function markdownReport(record: RunRecord): string {
  const rows = resultRows(record);
  const { name, quality, cost } = resultColumns(rows, (text) => text);
  const table = markdownTable([{ ...name, title: 'model' }, ...quality, ...cost], rows);
  const note = speedNote(rows);
  return note === undefined ? table : `${table}\n${note}\n`;
}
