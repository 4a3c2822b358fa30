import type { LatencyRecord, MeasurementRecord, MetricRecord, OutputRecord, RunRecord } from './record.ts';
import type { Column } from './text-table.ts';
import { formatBytes, formatDecibels, formatNumber, formatPercent, formatRatio } from './units.ts';

/** One line of the table of results: the float model, or an output beside it. */
export interface ResultRow {
  readonly name: string;
  readonly sizeBytes?: number;
  readonly measurement?: MeasurementRecord;
  readonly output?: OutputRecord;
}

/** The float model first, then the outputs in the order they were asked for. */
export function resultRows(record: RunRecord): ResultRow[] {
  const { baseline, outputs } = record;
  const name = record.command === 'quantize' ? 'float' : fileName(baseline?.file.path ?? record.source.path);
  const first: ResultRow[] = baseline
    ? [{ name, sizeBytes: baseline.file.sizeBytes, measurement: baseline }]
    : [{ name, sizeBytes: record.source.sizeBytes }];
  return [
    ...first,
    ...outputs.map((output) => ({
      name: outputName(output),
      sizeBytes: output.file?.sizeBytes ?? output.measurement?.file.sizeBytes ?? output.predictedSizeBytes,
      measurement: output.measurement,
      output,
    })),
  ];
}

/** Outputs of `quantize` go by their preset or scheme ('format:nf4/64'), other models by their file. */
export const outputName = ({ preset }: OutputRecord) =>
  preset.startsWith('format:') ? preset : fileName(preset);

const fileName = (path: string) => path.split(/[\\/]/).at(-1) ?? path;

/** What a run can tell: columns that would be empty in every row are left out. */
export interface ColumnGroups {
  readonly name: Column<ResultRow>;
  readonly quality: readonly Column<ResultRow>[];
  readonly cost: readonly Column<ResultRow>[];
}

/** Colours a change by whether it is for the worse, the better, or beyond a limit. */
export type Paint = (text: string, tone: 'good' | 'bad' | 'plain' | 'faint') => string;

export function resultColumns(rows: readonly ResultRow[], paint: Paint): ColumnGroups {
  const float = rows[0]!;
  const metric = rows.flatMap((r) => r.measurement?.metrics.slice(0, 1) ?? [])[0]?.name;
  const batches = [...new Set(rows.flatMap((r) => r.measurement?.latency.map((l) => l.batch) ?? []))];
  const right = { align: 'right' } as const;
  const filled = (columns: Column<ResultRow>[]) =>
    columns.filter((c) => rows.some((row, i) => c.cell(row, i) !== ''));
  return {
    name: { title: '', cell: (row) => row.name },
    quality: filled([
      { title: 'size', ...right, cell: sizeText },
      { title: '', ...right, cell: (r) => sizeRatio(r, float) },
      { title: metric ?? 'metric', ...right, cell: (r) => figureText(metricOf(r, metric)) },
      { title: 'change', ...right, cell: (r) => changeText(r, float, metric, paint) },
      { title: 'same', ...right, cell: ({ output }) => shareText(output?.agreement?.sameDecision) },
      { title: 'SQNR', ...right, cell: ({ output }) => sqnrText(output) },
    ]),
    cost: filled([
      ...batches.flatMap((batch): Column<ResultRow>[] => [
        { title: `batch ${batch}`, ...right, cell: (r) => latencyText(latencyOf(r, batch)) },
        { title: '(p95)', ...right, cell: (r) => tailText(latencyOf(r, batch)) },
        { title: 'speed', ...right, cell: (r) => speedText(r, float, batch, paint) },
      ]),
      {
        title: 'memory',
        ...right,
        cell: ({ measurement: m }) =>
          m?.peakMemoryBytes === undefined ? '' : formatBytes(m.peakMemoryBytes),
      },
    ]),
  };
}

const sizeText = ({ sizeBytes, output }: ResultRow) =>
  sizeBytes !== undefined ? formatBytes(sizeBytes) : output?.status === 'not-applicable' ? 'n/a' : '';

const sizeRatio = (row: ResultRow, float: ResultRow) =>
  row === float || !row.sizeBytes || !float.sizeBytes ? '' : formatRatio(row.sizeBytes / float.sizeBytes);

const metricOf = (row: ResultRow, name: string | undefined) =>
  row.measurement?.metrics.find((m) => m.name === name);

/** Rates in percent, everything else as a number. */
export const metricText = (metric: MetricRecord | undefined): string =>
  metric === undefined
    ? ''
    : metric.kind === 'rate'
      ? formatPercent(metric.value)
      : formatNumber(metric.value);

/** With its standard error, to a digit of that, where the metric has one of its own. */
function figureText(metric: MetricRecord | undefined): string {
  if (metric?.standardError === undefined) return metricText(metric);
  const { value, standardError: error } = metric;
  const digits = error > 0 ? Math.max(0, 1 - Math.floor(Math.log10(error))) : 4;
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
}

/** How a metric moved: points for rates, relative percent for the rest. '+' is higher, not better. */
export function metricChange(
  metric: MetricRecord,
  before: MetricRecord,
): { readonly text: string; readonly worse: boolean; readonly same: boolean } {
  const rate = metric.kind === 'rate';
  const delta = rate ? (metric.value - before.value) * 100 : (metric.value / before.value - 1) * 100;
  const rounded = Number(delta.toFixed(2));
  const text = `${rounded > 0 ? '+' : rounded < 0 ? '-' : ''}${Math.abs(rounded).toFixed(2)} ${rate ? 'pt' : '%'}`;
  return { text, worse: metric.higherIsBetter ? rounded < 0 : rounded > 0, same: rounded === 0 };
}

function changeText(row: ResultRow, float: ResultRow, name: string | undefined, paint: Paint): string {
  const [metric, before] = [metricOf(row, name), metricOf(float, name)];
  if (row === float || metric === undefined || before === undefined) return '';
  const { text, worse, same } = metricChange(metric, before);
  const broken = row.output?.limits.some((l) => !l.met) === true;
  return paint(text, broken ? 'bad' : worse || same ? 'plain' : 'good');
}

const shareText = (share: number | undefined) => (share === undefined ? '' : formatPercent(share));

/** The worst output speaks for the model. */
function sqnrText(output: OutputRecord | undefined): string {
  const all = output?.agreement?.outputs ?? [];
  if (all.length === 0) return '';
  const finite = all.map((o) => o.sqnrDb).filter((db) => db !== null && Number.isFinite(db));
  return formatDecibels(finite.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...finite));
}

const latencyOf = (row: ResultRow, batch: number) => row.measurement?.latency.find((l) => l.batch === batch);

const latencyText = (latency: LatencyRecord | undefined) =>
  latency === undefined ? '' : `${formatNumber(latency.medianMs)} ms`;

const tailText = (latency: LatencyRecord | undefined) =>
  latency === undefined ? '' : `(${formatNumber(latency.p95Ms)})`;

/** Beyond this, the column of speed and those of latency seem to contradict each other. */
const NOTABLE_DIFFERENCE = 1.2;

/** What to say below a table whose speeds, measured in turns, are far from the ratios of its latencies. */
export function speedNote(rows: readonly ResultRow[]): string | undefined {
  const [float, ...others] = rows;
  const differs = others.some((row) =>
    (row.measurement?.latency ?? []).some(({ batch, medianMs, speedup }) => {
      const before = float && latencyOf(float, batch);
      if (speedup === undefined || before === undefined) return false;
      const factor = (speedup * medianMs) / before.medianMs;
      return Math.max(factor, 1 / factor) > NOTABLE_DIFFERENCE;
    }),
  );
  return differs
    ? 'speed: the median of paired runs, in turns with the float model; the times of a busy machine may say otherwise'
    : undefined;
}

function speedText(row: ResultRow, float: ResultRow, batch: number, paint: Paint): string {
  const [own, before] = [latencyOf(row, batch), latencyOf(float, batch)];
  if (row === float || own === undefined) return '';
  const speed = own.speedup ?? (before && before.medianMs / own.medianMs);
  if (speed === undefined) return '';
  return paint(formatRatio(speed), speed >= 1.05 ? 'good' : speed <= 0.95 ? 'bad' : 'plain');
}
