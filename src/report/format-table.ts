import { keptTexts } from './kept-texts.ts';
import { limitText, missedText, missedTexts } from './limit-texts.ts';
import { metricText, outputName, resultColumns, resultRows, speedNote } from './measurement-columns.ts';
import { type Painter, painter } from './painter.ts';
import type { LayerRecord, MeasurementRecord, OutputRecord, RunRecord } from './record.ts';
import { tensorsText, tensorTable } from './tensor-table.ts';
import { tableWidth, textTable, wrap } from './text-table.ts';
import { formatBytes, formatCount, formatDecibels, formatSeconds, isExact } from './units.ts';

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

/** What the less plain columns mean; those that are not drawn are not explained. */
const legend: Readonly<Record<string, string>> = {
  same: 'same: share of equal decisions',
  SQNR: 'SQNR: signal to error of the outputs',
  memory: 'memory: growth while loading and running',
};

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
  const explained = [...all.flatMap(({ title }) => legend[title] ?? []), speedNote(rows) ?? []].flat();
  if (explained.length > 0) lines.splice(-1, 0, ...indented(explained.join('; '), width, paint.faint));

  if (record.outputs.length === 0) {
    for (const text of furtherMetrics(record.baseline)) lines.push(...indented(text, width));
    for (const limit of record.limits ?? []) {
      const text = limitText(limit, record.baseline, record.baseline);
      lines.push(...indented(text, width, limit.met ? paint.good : paint.bad));
    }
    if ((record.baseline?.metrics.length ?? 0) > 1 || record.limits !== undefined) lines.push('');
  }
  const shared = sharedNotes(record.outputs);
  for (const output of record.outputs) {
    const own = { ...output, notes: output.notes.filter((note) => !shared.includes(note)) };
    lines.push(...outputSection(own, record, paint, width, tensors));
  }
  for (const note of [...shared, ...(record.notes ?? [])]) lines.push(...indented(`note: ${note}`, width));
  for (const guess of record.guesses) lines.push(...indented(`assumed: ${guess}`, width, paint.warn));
  lines.push(paint.faint(`done in ${formatSeconds(record.seconds)}`));
  for (const text of missedTexts(record)) lines.push(...wrap(text, width, '  ').map(paint.bad));
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
    evaluation && `evaluated on ${evaluation.data} (${evaluationText(evaluation)})`,
  ].filter((part) => part !== undefined);
  return [
    `${paint.bold(source.path)}  ${formatBytes(source.sizeBytes)}`,
    ...[where, ...data].flatMap((text) => indented(text, width, paint.faint)),
  ];
}

function evaluationText({ samples, text }: NonNullable<RunRecord['evaluation']>): string {
  if (text === undefined) return plural(samples, 'sample');
  return `${plural(text.chunks, 'chunk')} of ${formatCount(text.context)} tokens, ${formatCount(text.tokens)} counted of ${formatCount(text.textTokens)}`;
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
  const quantized = tensorsText(output.tensors);
  if (quantized !== undefined) say(quantized);
  for (const line of furtherMetrics(output.measurement, record.baseline)) say(line);
  for (const limit of output.limits) {
    say(limitText(limit, output.measurement, record.baseline), limit.met ? paint.good : paint.bad);
  }
  for (const text of keptTexts(output.kept)) say(text, paint.faint);
  for (const note of output.notes) say(`note: ${note}`);
  if (output.layers !== undefined && output.layers.length > 0)
    lines.push(...layerLines(output.layers, paint));
  if (all && output.tensors.length > 0) lines.push(...tensorTable(output.tensors, 'measured', paint.faint));
  const missed = output.status === 'limit-not-met';
  if (lines.length === 0 && !missed) return [];
  const unwritten = missed && record.command === 'quantize';
  const target = output.file === undefined || unwritten ? '' : paint.faint(`  ${output.file.path}`);
  const verdict = missed ? paint.bad(`  ${missedText(record.command)}`) : '';
  return [`${paint.bold(outputName(output))}${target}${verdict}`, ...lines, ''];
}

/** The layers that lost most, each node once by its worst output; those that lost nothing are left out. */
function layerLines(layers: readonly LayerRecord[], paint: Painter): string[] {
  const worst = new Map<string, LayerRecord>();
  for (const layer of layers) {
    if (isExact(layer.sqnrDb)) continue;
    const seen = worst.get(layer.node);
    if (seen === undefined || layer.sqnrDb < seen.sqnrDb) worst.set(layer.node, layer);
  }
  if (worst.size === 0) return ['  worst layers: none, every layer is exact'];
  const rows = [...worst.values()].sort((a, b) => a.sqnrDb - b.sqnrDb).slice(0, layersShown);
  const columns = [
    { title: 'SQNR', align: 'right' as const, cell: (l: LayerRecord) => formatDecibels(l.sqnrDb) },
    { title: 'node', cell: (l: LayerRecord) => l.node },
  ];
  return ['  worst layers:', ...textTable(columns, rows, paint.faint).map((line) => `    ${line}`)];
}

/** Metrics after the first, which stands in the table. */
function furtherMetrics(own: MeasurementRecord | undefined, float?: MeasurementRecord): string[] {
  return (own?.metrics ?? []).slice(1).map((metric) => {
    const before = float?.metrics.find((m) => m.name === metric.name);
    return `${metric.name}: ${metricText(metric)}${before === undefined ? '' : ` (float ${metricText(before)})`}`;
  });
}
