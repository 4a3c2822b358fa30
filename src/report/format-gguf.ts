import type { FormatOptions } from './format-table.ts';
import { painter } from './painter.ts';
import type { GgufTensorRecord, OutputRecord, RunRecord, TypeShareRecord } from './record.ts';
import { type Column, textTable, wrap } from './text-table.ts';
import { formatBytes, formatCount, formatPercent, formatRatio, formatSeconds } from './units.ts';

/** Whether the record of a run is about GGUF files. */
export const isGgufRecord = ({ outputs }: RunRecord): boolean =>
  outputs.some(({ gguf }) => gguf !== undefined);

/** What a run made of a model, or would make: one row per file type, then the types of its tensors. */
export function formatGguf(record: RunRecord, options: FormatOptions = {}): string {
  const { color = false, width = 100, tensors = false } = options;
  const paint = painter(color);
  const { source, outputs, machine } = record;
  const planned = outputs.every(({ status }) => status === 'planned');
  const right = { align: 'right' } as const;
  const size = (o: OutputRecord) => o.file?.sizeBytes ?? o.predictedSizeBytes ?? 0;
  const columns: Column<OutputRecord>[] = [
    { title: '', cell: nameOf },
    { title: 'size', ...right, cell: (o) => formatBytes(size(o)) },
    { title: '', ...right, cell: (o) => formatRatio(size(o) / source.sizeBytes) },
    { title: 'bits per weight', ...right, cell: (o) => o.gguf?.bitsPerWeight.toFixed(2) ?? '' },
    { title: 'time', ...right, cell: (o) => (planned ? '' : formatSeconds(o.seconds)) },
    {
      title: 'speed',
      ...right,
      cell: (o) =>
        planned || o.seconds === 0 || o.gguf?.resumed ? '' : `${formatBytes(source.sizeBytes / o.seconds)}/s`,
    },
    { title: 'file', cell: fileText },
  ];
  const shown = columns.filter((c, i) => i === 0 || outputs.some((o) => c.cell(o, 0) !== ''));
  const threads = `${machine.threads} thread${machine.threads === 1 ? '' : 's'}`;
  const lines = [
    `${paint.bold(source.path)}  ${formatBytes(source.sizeBytes)}`,
    paint.faint(
      planned ? '  plan only: nothing is written' : `  ${threads} on ${machine.cpu ?? 'unknown CPU'}`,
    ),
    '',
    ...textTable(shown, outputs, paint.faint).map((line) => `  ${line}`),
    '',
  ];
  for (const output of outputs) {
    const { gguf, notes } = output;
    if (gguf === undefined) continue;
    lines.push(paint.bold(nameOf(output)));
    lines.push(...typeTable(gguf.types, paint.faint).map((line) => `  ${line}`));
    lines.push(...notes.flatMap((note) => wrap(`  note: ${note}`, width, '    ')));
    if (tensors) lines.push('', ...tensorLines(gguf.tensors, paint.faint));
    lines.push('');
  }
  if (!planned) lines.push(paint.faint(`done in ${formatSeconds(record.seconds)}`));
  return `${lines.join('\n').trimEnd()}\n`;
}

/** 'Q4_K_M', or 'gguf' where tensors kept their types. */
const nameOf = ({ gguf, preset }: OutputRecord): string => gguf?.fileType ?? preset;

function fileText({ file, gguf, status }: OutputRecord): string {
  const first = status === 'planned' ? gguf?.files[0]?.path : file?.path;
  const more = (gguf?.files.length ?? 1) - 1;
  return `${first ?? ''}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Histogram of types: how many tensors, what share of the values and of the bytes. */
export function typeTable(types: readonly TypeShareRecord[], style: (title: string) => string): string[] {
  const total = types.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const right = { align: 'right' } as const;
  return textTable<TypeShareRecord>(
    [
      { title: 'stored as', cell: ({ type }) => type },
      { title: 'tensors', ...right, cell: ({ tensors }) => formatCount(tensors) },
      { title: 'values', ...right, cell: ({ values }) => formatCount(values) },
      { title: 'size', ...right, cell: ({ sizeBytes }) => formatBytes(sizeBytes) },
      { title: 'of all', ...right, cell: ({ sizeBytes }) => formatPercent(sizeBytes / Math.max(1, total)) },
    ],
    types,
    style,
  );
}

function tensorLines(tensors: readonly GgufTensorRecord[], style: (title: string) => string): string[] {
  const columns: Column<GgufTensorRecord>[] = [
    { title: 'tensor', cell: ({ name }) => name },
    { title: 'shape', cell: ({ shape }) => `[${shape.join(', ')}]` },
    { title: 'from', cell: ({ from }) => from },
    { title: 'to', cell: ({ to, instead }) => (instead === undefined ? to : `${to} (not ${instead})`) },
    { title: 'size', align: 'right', cell: ({ sizeBytes }) => formatBytes(sizeBytes) },
    { title: 'weighted', cell: ({ weighted }) => (weighted ? 'yes' : '') },
  ];
  const shown = columns.filter((c) => tensors.some((tensor, i) => c.cell(tensor, i) !== ''));
  return textTable(shown, tensors, style).map((line) => `  ${line}`);
}
