import type { Dataset } from '../data/index.ts';
import { lookUp } from '../tensor/index.ts';
import { mean } from './intervals.ts';
import {
  decisionsOf,
  type MetricFigure,
  type MetricName,
  measure,
  metrics,
  metricsOf,
  thresholdOf,
} from './metrics.ts';
import { type OutputCloseness, OutputComparison } from './output-comparison.ts';
import { type McNemar, mcNemar, pairedBootstrap } from './paired-comparison.ts';
import { type NamedSession, type PassOptions, passOverData } from './pass-over-data.ts';
import { SampleLog } from './sample-log.ts';

/** Data, and what counts on it. */
export interface EvaluationOptions extends PassOptions {
  /** Metrics by name. Default: all that fit the task; none where there are no labels. */
  readonly metrics?: readonly MetricName[];
  /** Score above which a sample is class 1 (binary). Default: 0, or 0.5 when all scores are in [0, 1]. */
  readonly threshold?: number;
}

/** The metrics of one model; the first is what limits are held against. */
export interface ModelEvaluation {
  readonly samples: number;
  readonly metrics: readonly MetricFigure[];
  /** Per metric, the number of each sample that the figure is computed from. */
  readonly perSample: ReadonlyMap<MetricName, Float64Array>;
}

/** How close outputs are to the reference's, over all samples. */
export interface Agreement {
  readonly samples: number;
  /** Share of samples with the same argmax or side of the threshold; absent where outputs are no scores. */
  readonly sameDecision?: number;
  readonly outputs: readonly OutputCloseness[];
}

/** The change of the first metric on the same samples: what is signal and what is chance. */
export interface PairedChange {
  readonly metric: MetricName;
  /** Candidate minus reference. */
  readonly change: number;
  /** 95 % paired bootstrap interval of `change`. */
  readonly interval: readonly [number, number];
  /** For metrics that count right answers. */
  readonly mcNemar?: McNemar;
}

/** A model and how it differs from the reference. */
export interface CandidateEvaluation extends ModelEvaluation {
  readonly agreement: Agreement;
  /** What could not be compared, in words. */
  readonly notes: readonly string[];
  /** Absent without labels. */
  readonly paired?: PairedChange;
}

/** The reference and every candidate, measured in one pass over the data. */
export interface ModelComparison {
  readonly reference: ModelEvaluation;
  readonly candidates: readonly CandidateEvaluation[];
}

/**
 * Evaluates a reference and its candidates on the same data in one pass: metrics of each, agreement and
 * output closeness of each candidate with the reference, and paired tests. Constant memory but for a few
 * numbers per sample.
 *
 * @example
 * const { reference, candidates } = await compareModels({
 *   reference: { name: 'model.onnx', session: float },
 *   candidates: [{ name: 'model.int8.onnx', session: int8 }],
 *   dataset,
 * });
 */
export async function compareModels(
  request: EvaluationOptions & {
    readonly reference: NamedSession;
    readonly candidates: readonly NamedSession[];
  },
): Promise<ModelComparison> {
  const { dataset, reference, candidates } = request;
  for (const name of request.metrics ?? []) lookUp('metric', metrics, name);
  const models = [reference, ...candidates];
  const output = outputOf(dataset, models);
  const logs = models.map(() => new SampleLog(dataset.task, output));
  const comparisons = candidates.map(() => new OutputComparison());
  const samples = await passOverData(models, request, (batch, outputs) => {
    for (const [i, log] of logs.entries()) log.update(outputs[i]![output]!, batch);
    for (const [i, comparison] of comparisons.entries()) comparison.update(outputs[0]!, outputs[i + 1]!);
  });
  // One threshold for all: the reference says what its scores mean.
  const threshold = request.threshold ?? thresholdOf(logs[0]!);
  const names = request.metrics ?? metricsOf(logs[0]!);
  const evaluations = logs.map((log) => evaluationOf(log, names, threshold, samples));
  return {
    reference: evaluations[0]!,
    candidates: candidates.map((_, i) => {
      const own = evaluations[i + 1]!;
      const sameDecision = sameShare(decisionsOf(logs[0]!, threshold), decisionsOf(logs[i + 1]!, threshold));
      const paired = pairedChange(names[0], evaluations[0]!, own);
      return {
        ...own,
        notes: comparisons[i]!.notes(),
        agreement: {
          samples,
          ...(sameDecision !== undefined && { sameDecision }),
          outputs: comparisons[i]!.result(),
        },
        ...(paired && { paired }),
      };
    }),
  };
}

/** The metrics of one model on a dataset, in one pass. */
export async function evaluateModel(
  request: EvaluationOptions & { readonly name?: string; readonly session: NamedSession['session'] },
): Promise<ModelEvaluation> {
  const reference = { name: request.name ?? 'the model', session: request.session };
  return (await compareModels({ ...request, reference, candidates: [] })).reference;
}

/** The output that the task reads: every model must have it. @throws name/unknown */
function outputOf(dataset: Dataset, models: readonly NamedSession[]): string {
  const output = dataset.output ?? models[0]!.session.outputs[0]!.name;
  for (const { name, session } of models) {
    const known = Object.fromEntries(session.outputs.map((port) => [port.name, port]));
    lookUp(`output of ${name}`, known, output);
  }
  return output;
}

function evaluationOf(
  log: SampleLog,
  names: readonly MetricName[],
  threshold: number,
  samples: number,
): ModelEvaluation {
  const measured = names.map((name) => measure(name, log, threshold));
  return {
    samples,
    metrics: measured.map(({ figure }) => figure),
    perSample: new Map(measured.map(({ figure, perSample }) => [figure.name, perSample])),
  };
}

function sameShare(a: readonly number[] | undefined, b: readonly number[] | undefined): number | undefined {
  if (a === undefined || b === undefined || a.length === 0) return undefined;
  return mean(Float64Array.from(a, (decision, i) => (decision === b[i] ? 1 : 0)));
}

function pairedChange(
  metric: MetricName | undefined,
  reference: ModelEvaluation,
  candidate: ModelEvaluation,
): PairedChange | undefined {
  if (metric === undefined) return undefined;
  const a = reference.perSample.get(metric)!;
  const b = candidate.perSample.get(metric)!;
  const { aggregate } = metrics[metric];
  return {
    metric,
    change: aggregate(b) - aggregate(a),
    interval: pairedBootstrap(a, b, aggregate),
    ...(aggregate === mean && metrics[metric].kind === 'rate' && { mcNemar: mcNemar(a, b) }),
  };
}
