import { fail, lookUp } from '../tensor/index.ts';
import { type MetricFigure, type MetricRow, metrics } from './metrics.ts';

/** A measured metric, also one that was read back from a record. */
type Measured = Omit<MetricFigure, 'name'> & { readonly name: string };

/** What a result must keep: a largest drop against the float model, or a bound on a metric itself. */
export type Limit =
  | { readonly text: string; readonly kind: 'max-drop'; readonly percent: number }
  | {
      readonly text: string;
      readonly kind: 'bound';
      readonly metric: string;
      readonly comparison: '>=' | '<=';
      readonly value: number;
    };

/** A limit held against measured metrics. */
export interface LimitCheck {
  /** As the user wrote it. */
  readonly text: string;
  readonly metric: string;
  readonly met: boolean;
  /** Percentage points for rates, relative percent otherwise; positive is worse. */
  readonly drop?: number;
  /** The metric's value of the model that was checked. */
  readonly value: number;
}

/** Slack for the last bits of a difference of two fractions: 0.9 - 0.895 must count as 0.5 points. */
const rounding = 1e-9;

/** What a bound may name: metrics of samples, and the one of texts. */
const boundable: Readonly<Record<string, Pick<MetricRow, 'kind'>>> = {
  ...metrics,
  perplexity: { kind: 'error' },
};

const number = '(\\d+(?:\\.\\d+)?|\\.\\d+)';
const dropPattern = new RegExp(`^${number}\\s*%$`);
const barePattern = new RegExp(`^${number}$`);
const boundPattern = new RegExp(`^([a-z][a-z0-9-]*)\\s*(>=|<=)\\s*${number}\\s*(%?)$`);

/**
 * '0.5%': at most so much worse than float, in percentage points for rates (accuracy, F1), in relative
 * percent for errors. 'top-1>=0.9', 'top-1>=90%', 'mse<=0.02', 'perplexity<=10': a bound on the metric itself.
 * @throws limit/bare-number, limit/malformed, limit/rate-range, name/unknown
 */
export function parseLimit(text: string): Limit {
  const trimmed = text.trim();
  const drop = dropPattern.exec(trimmed);
  if (drop) return { text, kind: 'max-drop', percent: Number(drop[1]) };
  const bound = boundPattern.exec(trimmed);
  if (bound) {
    const [, metric, comparison, number, percent] = bound;
    const row = lookUp('metric', boundable, metric!);
    const value = Number(number) / (percent === '%' ? 100 : 1);
    if (row.kind === 'rate' && value > 1) fail('limit/rate-range', { text, value });
    return { text, kind: 'bound', metric: metric!, comparison: comparison as '>=' | '<=', value };
  }
  if (barePattern.test(trimmed)) fail('limit/bare-number', { text });
  return fail('limit/malformed', { text });
}

/**
 * Holds a limit against what was measured. A largest drop concerns the first metric, a bound the one it
 * names.
 * @throws limit/no-metric when that metric was not measured (no labels, another task).
 */
export function checkLimit(
  limit: Limit,
  measured: { readonly baseline?: readonly Measured[]; readonly candidate: readonly Measured[] },
): LimitCheck {
  const { baseline = [], candidate } = measured;
  const known = candidate.map(({ name }) => name);
  if (limit.kind === 'bound') {
    const figure = candidate.find(({ name }) => name === limit.metric);
    if (figure === undefined) fail('limit/no-metric', { text: limit.text, metric: limit.metric, known });
    const margin = limit.comparison === '>=' ? figure.value - limit.value : limit.value - figure.value;
    return { text: limit.text, metric: figure.name, met: margin >= -rounding, value: figure.value };
  }
  const figure = candidate[0];
  const before = baseline.find(({ name }) => name === figure?.name);
  if (figure === undefined || before === undefined) {
    fail('limit/no-metric', {
      text: limit.text,
      metric: figure?.name ?? 'a metric',
      known: baseline.map((m) => m.name),
    });
  }
  const drop = dropOf(before, figure);
  return {
    text: limit.text,
    metric: figure.name,
    met: drop <= limit.percent + rounding,
    drop,
    value: figure.value,
  };
}

/** How much worse `after` is: percentage points for rates, relative percent otherwise. Negative is better. */
export function dropOf(before: Measured, after: Measured): number {
  const worse = before.higherIsBetter ? before.value - after.value : after.value - before.value;
  if (before.kind === 'rate') return worse * 100;
  if (worse === 0) return 0;
  return (worse / Math.abs(before.value)) * 100;
}
