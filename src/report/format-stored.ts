import type { FormatOptions } from './format-table.ts';
import { painter } from './painter.ts';
import type { RunRecord, StoredRecord, StoredTensorRecord } from './record.ts';
import { type Column, textTable, wrap } from './text-table.ts';
import { formatBytes, formatCount, formatRatio, formatSeconds, isExact } from './units.ts';

/** Tensors that are listed when not all are asked for. */
const SHOWN = 8;

/** Whether the record of a run is about stored tensors alone: packing, unpacking, folders of schemes. */
export const isStoredRecord = ({ outputs }: RunRecord): boolean =>
  outputs.length > 0 &&
  outputs.every(({ stored, measurement }) => stored !== undefined && measurement === undefined);

/** The sums of a list of tensors. */
export function storedTotals(
  tensors: readonly StoredTensorRecord[],
): Omit<StoredRecord, 'tensors' | 'files'> {
  const sum = (of: (t: StoredTensorRecord) => number) => tensors.reduce((all, t) => all + of(t), 0);
  const per = (bits: number, count: number) => (count === 0 ? 0 : bits / count);
  const codes = sum((t) => t.codes);
  return {
    bitsPerWeight: per(
      sum((t) => 8 * t.sizeBytes),
      sum((t) => t.values),
    ),
    bitsPerCode: per(
      sum((t) => t.bitsPerCode * t.codes),
      codes,
    ),
    entropyBits: per(
      sum((t) => t.entropyBits * t.codes),
      codes,
    ),
  };
}

/** What packing or quantizing to a container gave: size, then true bits beside the entropy. */
export function formatStored(record: RunRecord, options: FormatOptions = {}): string {
  const { color = false, width = 100, tensors = false } = options;
  const paint = painter(color);
  const { source, outputs } = record;
  const lines = [`${paint.bold(source.path)}  ${formatBytes(source.sizeBytes)}`, ''];
  for (const { preset, file, stored, notes, status } of outputs) {
    const size = file?.sizeBytes ?? 0;
    const told =
      status === 'planned'
        ? 'plan only: nothing is written'
        : `${formatBytes(size)}, ${formatRatio(size / source.sizeBytes)} of the source`;
    lines.push(`${paint.bold(preset)}  ${file?.path ?? ''}`, `  ${told}`);
    if (stored) lines.push(...storedLines(stored, tensors, paint.faint));
    lines.push(...notes.flatMap((note) => wrap(`  note: ${note}`, width, '    ')), '');
  }
  lines.push(paint.faint(`done in ${formatSeconds(record.seconds)}`));
  return `${lines.join('\n').trimEnd()}\n`;
}

/** True bits per weight beside the entropy: the total, and the largest tensors or all. */
export function storedLines(stored: StoredRecord, all: boolean, style: (title: string) => string): string[] {
  if (stored.tensors.length === 0) return [];
  const right = { align: 'right' } as const;
  const bits = (of: (t: StoredTensorRecord) => number) => (t: StoredTensorRecord) => of(t).toFixed(3);
  const columns: Column<StoredTensorRecord>[] = [
    { title: all ? 'tensors' : 'largest tensors', cell: ({ name }) => name },
    { title: 'stored as', cell: (t) => `${t.as}${t.shape.length > 0 ? ` [${t.shape.join(', ')}]` : ''}` },
    { title: 'size', ...right, cell: (t) => formatBytes(t.sizeBytes) },
    { title: 'bits/value', ...right, cell: bits((t) => t.bitsPerWeight) },
    { title: 'bits/code', ...right, cell: bits((t) => t.bitsPerCode) },
    { title: 'entropy', ...right, cell: bits((t) => t.entropyBits) },
    ...(stored.tensors.some(({ sqnrDb }) => sqnrDb !== undefined)
      ? [
          {
            title: 'SQNR dB',
            ...right,
            cell: ({ sqnrDb }: StoredTensorRecord) => sqnrText(sqnrDb),
          },
        ]
      : []),
  ];
  const sorted = [...stored.tensors].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, SHOWN);
  const total: StoredTensorRecord = {
    name: `all ${formatCount(stored.tensors.length)}`,
    as: '',
    shape: [],
    values: 0,
    codes: 0,
    sizeBytes: stored.tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ...storedTotals(stored.tensors),
    ...(stored.sqnrDb !== undefined && { sqnrDb: stored.sqnrDb }),
  };
  return textTable(columns, [...(all ? stored.tensors : sorted), total], style).map((line) => `  ${line}`);
}

const sqnrText = (db: number | null | undefined): string =>
  db === undefined ? '' : isExact(db) ? 'exact' : (db as number).toFixed(1);
