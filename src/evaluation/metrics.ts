import type { Task } from '../data/index.ts';
import { fail } from '../tensor/index.ts';
import { encodePair, f1Binary, f1Macro } from './f1.ts';
import { type Aggregate, bootstrapInterval, mean, normalInterval, wilsonInterval } from './intervals.ts';
import type { SampleColumns, SampleLog } from './sample-log.ts';

/** A figure of a model on data. Rates are fractions in [0, 1]: a share of samples, or an F1. */
export interface MetricFigure {
  readonly name: MetricName;
  readonly value: number;
  readonly kind: 'rate' | 'error' | 'score';
  readonly higherIsBetter: boolean;
  readonly samples: number;
  /** 95 % interval. */
  readonly interval?: readonly [number, number];
}

/** What a metric needs, computes and means. */
export interface MetricRow {
  /** Rates drop in percentage points, the others in relative percent. */
  readonly kind: 'rate' | 'error' | 'score';
  readonly higherIsBetter: boolean;
  readonly task: Task;
  readonly description: string;
  /** Says nothing for so few classes or less. */
  readonly minClasses?: number;
  /** One number per sample. `threshold` is what a score must pass to be class 1. */
  readonly perSample: (columns: SampleColumns, threshold: number) => Float64Array;
  /** The metric of these per-sample numbers, or of any resample of them. */
  readonly aggregate: Aggregate;
  readonly interval: (values: Float64Array, aggregate: Aggregate) => [number, number] | undefined;
}

const wilson: MetricRow['interval'] = (values) =>
  wilsonInterval(Math.round(mean(values) * values.length), values.length);

const bootstrap: MetricRow['interval'] = (values, aggregate) => {
  const resample = new Float64Array(values.length);
  return bootstrapInterval(values.length, (drawn) => {
    for (let i = 0; i < drawn.length; i++) resample[i] = values[drawn[i]!]!;
    return aggregate(resample);
  });
};

const topK =
  (k: number): MetricRow['perSample'] =>
  (columns) =>
    Float64Array.from(columnsOf(columns, 'classes').rank, (rank) => (rank < k ? 1 : 0));

/** Every metric, by name: a task reports the rows that name it. */
export const metrics = {
  'top-1': {
    kind: 'rate',
    higherIsBetter: true,
    task: 'classification',
    description: 'share of samples whose label has the highest score',
    perSample: topK(1),
    aggregate: mean,
    interval: wilson,
  },
  'top-5': {
    kind: 'rate',
    higherIsBetter: true,
    task: 'classification',
    description: 'share of samples whose label is among the five highest scores',
    minClasses: 6,
    perSample: topK(5),
    aggregate: mean,
    interval: wilson,
  },
  'f1-macro': {
    kind: 'rate',
    higherIsBetter: true,
    task: 'classification',
    description: 'mean over the classes of the harmonic mean of precision and recall',
    perSample: (columns) => {
      const { label, predicted } = columnsOf(columns, 'classes');
      return Float64Array.from(label, (l, i) => encodePair(l, predicted[i]!));
    },
    aggregate: f1Macro,
    interval: bootstrap,
  },
  accuracy: {
    kind: 'rate',
    higherIsBetter: true,
    task: 'binary',
    description: 'share of samples on the right side of the threshold',
    perSample: (columns, threshold) => {
      const { label, score } = columnsOf(columns, 'score');
      return Float64Array.from(label, (l, i) => (score[i]! > threshold === (l === 1) ? 1 : 0));
    },
    aggregate: mean,
    interval: wilson,
  },
  f1: {
    kind: 'rate',
    higherIsBetter: true,
    task: 'binary',
    description: 'harmonic mean of precision and recall of class 1',
    perSample: (columns, threshold) => {
      const { label, score } = columnsOf(columns, 'score');
      return Float64Array.from(label, (l, i) => encodePair(l, score[i]! > threshold ? 1 : 0));
    },
    aggregate: f1Binary,
    interval: bootstrap,
  },
  mse: {
    kind: 'error',
    higherIsBetter: false,
    task: 'regression',
    description: 'mean squared difference from the target',
    perSample: (columns) => Float64Array.from(columnsOf(columns, 'values').squared),
    aggregate: mean,
    interval: normalInterval,
  },
  mae: {
    kind: 'error',
    higherIsBetter: false,
    task: 'regression',
    description: 'mean absolute difference from the target',
    perSample: (columns) => Float64Array.from(columnsOf(columns, 'values').absolute),
    aggregate: mean,
    interval: normalInterval,
  },
} as const satisfies Record<string, MetricRow>;

/** A row of `metrics`. */
export type MetricName = keyof typeof metrics;

const rows: Readonly<Record<string, MetricRow>> = metrics;

/** The metrics of a task in the order of the table; the first one is what limits are held against. */
export function metricsOf(log: SampleLog): MetricName[] {
  return (Object.keys(metrics) as MetricName[]).filter((name) => {
    const row = rows[name]!;
    return row.task === log.task && log.classes >= (row.minClasses ?? 0);
  });
}

/** A metric's figure and the per-sample values behind it. */
export function measure(
  name: MetricName,
  log: SampleLog,
  threshold: number,
): { figure: MetricFigure; perSample: Float64Array } {
  const row = rows[name]!;
  const { columns } = log;
  if (columns === undefined || log.task !== row.task) {
    fail('evaluation/metric-task', { metric: name, wanted: row.task, got: log.task });
  }
  const perSample = row.perSample(columns, threshold);
  const figure: MetricFigure = {
    name,
    value: row.aggregate(perSample),
    kind: row.kind,
    higherIsBetter: row.higherIsBetter,
    samples: perSample.length,
    interval: row.interval(perSample, row.aggregate),
  };
  return { figure, perSample };
}

/**
 * Where a score means class 1: above 0 for logits, above 0.5 when every score lies in [0, 1] and so is a
 * probability.
 */
export function thresholdOf(log: SampleLog): number {
  const { columns } = log;
  if (columns?.kind !== 'score' || columns.margin) return 0;
  return columns.score.every((score) => score >= 0 && score <= 1) ? 0.5 : 0;
}

/** Decisions as small integers, for agreement; undefined where the output is no score. */
export function decisionsOf(log: SampleLog, threshold: number): readonly number[] | undefined {
  const { columns } = log;
  if (columns?.kind === 'classes') return columns.predicted;
  if (columns?.kind === 'score') return columns.score.map((score) => (score > threshold ? 1 : 0));
  return undefined;
}

function columnsOf<K extends SampleColumns['kind']>(columns: SampleColumns, kind: K) {
  if (columns.kind !== kind) throw new TypeError(`columns of ${columns.kind}, not ${kind}`);
  return columns as Extract<SampleColumns, { kind: K }>;
}
