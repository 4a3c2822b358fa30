import { metricText, outputName, resultColumns, resultRows } from './measurement-columns.ts';
import { type Painter, painter } from './painter.ts';
import type { LimitRecord, MeasurementRecord, OutputRecord, RunRecord } from './record.ts';
import { tableWidth, textTable, wrap } from './text-table.ts';
import { formatBytes, formatCount, formatDecibels, formatRatio, formatSeconds } from './units.ts';

/** How a terminal wants its text. */
export interface FormatOptions {
  /** Terminal colours. Default false. */
  readonly color?: boolean;
  /** Columns of the screen. Default 100. */
  readonly width?: number;
  /** List every quantized tensor by size. */
  readonly tensors?: boolean;
}

/** Worst layers shown when nobody asked for all. */
const layersShown = 10;
const keptShown = 8;

/**
 * The result of a run as text for a terminal: one row per output beside the float model, then what a user
 * should know about each.
 */
export function formatTable(record: RunRecord, options: FormatOptions = {}): string {
  const { color = false, width = 100, tensors = false } = options;
  const paint = painter(color);
  const lines = [...heading(record, paint, width), ''];

  const rows = resultRows(record);
  const groups = resultColumns(rows, paint.tone);
  const all = [groups.name, ...groups.quality, ...groups.cost];
  const tables =
    tableWidth(all, rows) + 2 <= width
      ? [all]
      : [groups.quality, groups.cost].filter((g) => g.length > 0).map((g) => [groups.name, ...g]);
  for (const columns of tables) {
    for (const line of textTable(columns, rows, paint.faint)) lines.push(`  ${line}`);
    lines.push('');
  }

  if (record.outputs.length === 0) {
    for (const text of furtherMetrics(record.baseline)) lines.push(...indented(text, width));
    for (const limit of record.limits ?? []) lines.push(...limitLines(limit, record, paint, width));
    if ((record.baseline?.metrics.length ?? 0) > 1 || record.limits !== undefined) lines.push('');
  }
  const shared = sharedNotes(record.outputs);
  for (const output of record.outputs) {
    const own = { ...output, notes: output.notes.filter((note) => !shared.includes(note)) };
    lines.push(...outputSection(own, record, paint, width, tensors));
  }
  for (const note of shared) lines.push(...indented(`note: ${note}`, width));
  for (const guess of record.guesses) lines.push(...indented(`assumed: ${guess}`, width, paint.warn));
  lines.push(paint.faint(`done in ${formatSeconds(record.seconds)}`));
  return `${lines.join('\n')}\n`;
}

function heading(record: RunRecord, paint: Painter, width: number): string[] {
  const { machine, source, calibration, evaluation } = record;
  const cpu = machine.cpu ?? 'unknown CPU';
  const vnni = machine.vnni === undefined ? '' : machine.vnni ? ', VNNI' : ', no VNNI';
  const where = `${machine.runtime}, ${plural(machine.threads, 'thread')} on ${cpu} (${plural(machine.cores, 'core')}${vnni})`;
  const data = [
    calibration &&
      `calibrated on ${calibration.data} (${plural(calibration.samples, 'sample')}, ${calibration.observer}, ${formatSeconds(calibration.seconds)})`,
    evaluation && `evaluated on ${evaluation.data} (${plural(evaluation.samples, 'sample')})`,
  ].filter((part) => part !== undefined);
  return [
    `${paint.bold(source.path)}  ${formatBytes(source.sizeBytes)}`,
    ...[where, ...data].flatMap((text) => indented(text, width, paint.faint)),
  ];
}

/** Notes that every output carries are said once. */
function sharedNotes(outputs: readonly OutputRecord[]): readonly string[] {
  const made = outputs.filter((o) => o.status !== 'not-applicable');
  const [first, ...rest] = made;
  if (first === undefined || rest.length === 0) return [];
  return first.notes.filter((note) => rest.every((o) => o.notes.includes(note)));
}

const plural = (n: number, word: string) => `${formatCount(n)} ${word}${n === 1 ? '' : 's'}`;

function indented(text: string, width: number, style: (text: string) => string = (t) => t): string[] {
  return wrap(`  ${text}`, width, '    ').map(style);
}

/** What one output was made of and what to know about it. */
function outputSection(
  output: OutputRecord,
  record: RunRecord,
  paint: Painter,
  width: number,
  all: boolean,
): string[] {
  const lines: string[] = [];
  const say = (text: string, style?: (text: string) => string) => lines.push(...indented(text, width, style));
  if (output.status === 'not-applicable') say(`not applicable: ${output.why ?? ''}`, paint.warn);
  const quantized = tensorsText(output);
  if (quantized !== undefined) say(quantized);
  for (const line of furtherMetrics(output.measurement, record.baseline)) say(line);
  for (const limit of output.limits) lines.push(...limitLines(limit, record, paint, width));
  for (const text of keptTexts(output.kept)) say(text, paint.faint);
  for (const note of output.notes) say(`note: ${note}`);
  if (output.layers !== undefined && output.layers.length > 0) {
    say('worst layers:');
    const worst = output.layers.slice(0, layersShown);
    const columns = [
      {
        title: 'SQNR',
        align: 'right' as const,
        cell: (l: (typeof worst)[number]) => formatDecibels(l.sqnrDb),
      },
      { title: 'node', cell: (l: (typeof worst)[number]) => l.node },
    ];
    lines.push(...textTable(columns, worst, paint.faint).map((line) => `    ${line}`));
  }
  if (all && output.tensors.length > 0) lines.push(...tensorTable(output, paint));
  if (lines.length === 0) return [];
  const target = output.file === undefined ? '' : paint.faint(`  ${output.file.path}`);
  return [`${paint.bold(outputName(output))}${target}`, ...lines, ''];
}

/** Metrics after the first, which stands in the table. */
function furtherMetrics(own: MeasurementRecord | undefined, float?: MeasurementRecord): string[] {
  return (own?.metrics ?? []).slice(1).map((metric) => {
    const before = float?.metrics.find((m) => m.name === metric.name);
    return `${metric.name}: ${metricText(metric)}${before === undefined ? '' : ` (float ${metricText(before)})`}`;
  });
}

function limitLines(limit: LimitRecord, record: RunRecord, paint: Painter, width: number): string[] {
  const text = `limit ${limit.text} on ${limit.metric}: ${limit.met ? 'met' : 'NOT MET'}${dropText(limit, record)}`;
  return indented(text, width, limit.met ? paint.good : paint.bad);
}

function dropText(limit: LimitRecord, record: RunRecord): string {
  if (limit.drop === undefined) return '';
  const rate = record.baseline?.metrics.find((m) => m.name === limit.metric)?.kind === 'rate';
  const amount = `${Math.abs(limit.drop).toFixed(2)} ${rate ? 'points' : '%'}`;
  if (Math.abs(limit.drop) < 0.005) return ' (equal to float)';
  return ` (${amount} ${limit.drop > 0 ? 'worse' : 'better'} than float)`;
}

/** Tensors below this keep most of their cost in scales: they are counted apart. */
const largeTensorValues = 4096;

function tensorsText({ tensors }: OutputRecord): string | undefined {
  if (tensors.length === 0) return undefined;
  const stored = (of: typeof tensors) =>
    of.reduce((sum, t) => sum + t.codeBytes + t.scaleBytes + t.zeroPointBytes, 0);
  const float = (of: typeof tensors) => of.reduce((sum, t) => sum + t.floatBytes, 0);
  const large = tensors.filter((t) => t.values >= largeTensorValues);
  const small = tensors.filter((t) => t.values < largeTensorValues);
  const part = (of: typeof tensors) =>
    `${formatBytes(stored(of))} for ${formatBytes(float(of))} (${formatRatio(stored(of) / float(of))})`;
  const texts = [
    large.length > 0 && `${plural(large.length, 'large tensor')} in ${part(large)}`,
    small.length > 0 && `${plural(small.length, 'small tensor')} in ${part(small)}`,
  ].filter((t) => t !== false);
  return `quantized: ${texts.join(', ')}`;
}

/** 'kept: 12 x BatchNormalization: reason', the most frequent first. */
export function keptTexts(kept: OutputRecord['kept']): string[] {
  const groups = new Map<string, { op: string; why: string; nodes: string[] }>();
  for (const { node, op, why } of kept) {
    const key = `${op}\n${why}`;
    const group = groups.get(key) ?? { op, why, nodes: [] };
    group.nodes.push(node);
    groups.set(key, group);
  }
  const sorted = [...groups.values()].sort((a, b) => b.nodes.length - a.nodes.length);
  const texts = sorted
    .slice(0, keptShown)
    .map(
      ({ op, why, nodes }) =>
        `kept: ${nodes.length === 1 ? `${op} '${nodes[0]}'` : `${nodes.length} x ${op}`}: ${why}`,
    );
  const rest = sorted.slice(keptShown).reduce((sum, g) => sum + g.nodes.length, 0);
  return rest === 0 ? texts : [...texts, `kept: ${rest} more nodes`];
}

function tensorTable(output: OutputRecord, paint: Painter): string[] {
  type T = OutputRecord['tensors'][number];
  const right = 'right' as const;
  const rows = [...output.tensors].sort((a, b) => b.floatBytes - a.floatBytes);
  const total = (t: T) => t.codeBytes + t.scaleBytes + t.zeroPointBytes;
  const columns = [
    { title: 'tensor', cell: (t: T) => t.name },
    { title: 'operator', cell: (t: T) => t.op },
    { title: 'format', cell: (t: T) => t.format },
    { title: 'granularity', cell: (t: T) => t.granularity },
    { title: 'float', align: right, cell: (t: T) => formatBytes(t.floatBytes) },
    { title: 'codes', align: right, cell: (t: T) => formatBytes(t.codeBytes) },
    { title: 'scales', align: right, cell: (t: T) => formatBytes(t.scaleBytes + t.zeroPointBytes) },
    { title: 'ratio', align: right, cell: (t: T) => formatRatio(total(t) / t.floatBytes) },
  ];
  return ['  tensors:', ...textTable(columns, rows, paint.faint).map((line) => `    ${line}`)];
}
