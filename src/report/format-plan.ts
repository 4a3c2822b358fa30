import type { FormatOptions } from './format-table.ts';
import { keptTexts } from './kept-texts.ts';
import { painter } from './painter.ts';
import type { OutputRecord, RunRecord } from './record.ts';
import { tensorTable } from './tensor-table.ts';
import { type Column, textTable, wrap } from './text-table.ts';
import { formatBytes, formatCount, formatRatio } from './units.ts';

/** What a run would do, for `--dry-run`: predicted sizes, tensors by format and operator, what stays float. */
export function formatPlan(record: RunRecord, options: FormatOptions = {}): string {
  const { color = false, width = 100, tensors = false } = options;
  const paint = painter(color);
  const { source, outputs, guesses } = record;
  const columns: Column<OutputRecord>[] = [
    { title: '', cell: (o) => o.preset },
    {
      title: 'predicted',
      align: 'right',
      cell: (o) => (o.predictedSizeBytes === undefined ? '' : formatBytes(o.predictedSizeBytes)),
    },
    {
      title: '',
      align: 'right',
      cell: (o) =>
        o.predictedSizeBytes === undefined ? '' : formatRatio(o.predictedSizeBytes / source.sizeBytes),
    },
    { title: 'tensors', align: 'right', cell: (o) => formatCount(o.tensors.length) },
    {
      title: 'values',
      align: 'right',
      cell: (o) => formatCount(o.tensors.reduce((sum, t) => sum + t.values, 0)),
    },
    { title: 'kept', align: 'right', cell: (o) => formatCount(o.kept.length) },
    { title: 'file', cell: (o) => o.file?.path ?? '' },
  ];
  const shown = columns.filter((c, i) => i === 0 || outputs.some((o) => c.cell(o, 0) !== ''));
  const lines = [
    `${paint.bold(source.path)}  ${formatBytes(source.sizeBytes)}  ${paint.faint('plan only: nothing is written')}`,
    '',
    ...textTable(shown, outputs, paint.faint).map((line) => `  ${line}`),
    '',
  ];
  for (const output of outputs) {
    const texts = [
      ...(output.status === 'not-applicable' ? [`not applicable: ${output.why ?? ''}`] : []),
      ...schemeTexts(output),
      ...keptTexts(output.kept),
      ...output.notes.map((note) => `note: ${note}`),
    ];
    if (texts.length === 0) continue;
    lines.push(paint.bold(output.preset), ...texts.flatMap((text) => wrap(`  ${text}`, width, '    ')));
    if (tensors && output.tensors.length > 0) {
      lines.push(...tensorTable(output.tensors, 'planned', paint.faint));
    }
    lines.push('');
  }
  for (const guess of guesses) lines.push(...wrap(`  assumed: ${guess}`, width, '    ').map(paint.warn));
  return `${lines.join('\n').trimEnd()}\n`;
}

/** '21 x Conv: int8 per-channel(0)'. */
function schemeTexts({ tensors }: OutputRecord): string[] {
  const counts = new Map<string, number>();
  for (const t of tensors) {
    const key = `${t.op}: ${t.format} ${t.granularity}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([key, count]) => `${count} x ${key}`);
}
