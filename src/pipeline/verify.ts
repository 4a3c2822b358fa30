import type { Dataset } from '../data/index.ts';
import {
  checkLimit,
  compareLayers,
  compareModels,
  evaluateModel,
  type Limit,
  type MetricFigure,
  measureLatency,
  type NamedSession,
  syntheticFeeds,
} from '../evaluation/index.ts';
import type { Model } from '../graph/index.ts';
import type { AgreementRecord, LatencyRecord, LayerRecord, LimitRecord } from '../report/index.ts';
import {
  type Feeds,
  type LoadOptions,
  measureMemory,
  type RuntimeModel,
  type Session,
} from '../runtime/index.ts';
import { LowbitError } from '../tensor/index.ts';
import type { MeasureOptions } from './recipe.ts';
import type { RunContext } from './run-context.ts';

/** What a model is measured on: the user's data, or made-up feeds that fit its ports. */
export interface MeasuringData {
  readonly dataset: Dataset | undefined;
  /** Feeds of one batch of the given size, for timing. */
  feeds(
    batch: number,
  ): Promise<{ readonly feeds: Feeds; readonly batch: number; readonly synthetic: boolean }>;
}

const defaultRuns = 50;
const defaultBatch = 8;

/** Takes timing feeds from the first samples of the data, or makes them up. */
export function measuringData(dataset: Dataset | undefined, session: Session): MeasuringData {
  return {
    dataset,
    async feeds(batch) {
      if (dataset !== undefined && dataset.size > 0) {
        const batchSize = Math.min(batch, dataset.size);
        for await (const first of dataset.batches({ batchSize, start: 0, end: batchSize })) {
          return { feeds: first.feeds, batch: first.size, synthetic: false };
        }
      }
      const fixed = session.inputs[0]?.shape[0];
      const size = typeof fixed === 'number' ? fixed : batch;
      return { feeds: syntheticFeeds(session.inputs, { batch: size }).feeds, batch: size, synthetic: true };
    },
  };
}

/** Latency at batch 1 and at the given batch, and peak memory in a process of its own. */
export async function measureCost(
  context: RunContext,
  subject: { readonly session: Session; readonly loadable: RuntimeModel; readonly load?: LoadOptions },
  data: MeasuringData,
  options: MeasureOptions,
): Promise<{ latency: LatencyRecord[]; peakMemoryBytes?: number }> {
  const { runs = defaultRuns, batch = defaultBatch, memory = true } = options;
  const latency: LatencyRecord[] = [];
  const single = await data.feeds(1);
  const many = await data.feeds(batch);
  if (runs > 0) {
    latency.push(await measureLatency(subject.session, single.feeds, { batch: single.batch, runs }));
    if (many.batch !== single.batch) {
      latency.push(await measureLatency(subject.session, many.feeds, { batch: many.batch, runs }));
    }
  }
  const peak = memory
    ? await measureMemory(subject.loadable, many.feeds, {
        runtime: context.runtime.name,
        threads: context.runtime.threads,
        ...(subject.load && { load: subject.load }),
        ...(context.signal && { signal: context.signal }),
      })
    : undefined;
  return { latency, ...(peak !== undefined && { peakMemoryBytes: peak }) };
}

/** What one candidate did beside the float model. */
export interface Verification {
  readonly baseline: readonly MetricFigure[];
  readonly candidate: readonly MetricFigure[];
  /** Absent when an output is NaN or Inf. */
  readonly agreement?: AgreementRecord;
  readonly limits: readonly LimitRecord[];
  /** Worst first: on request, and always when a limit was not met. */
  readonly layers?: readonly LayerRecord[];
  readonly notes: readonly string[];
}

export interface VerifyOptions extends MeasureOptions {
  readonly limits?: readonly Limit[];
  /** Both graphs, to compare them layer by layer; asked for when that is to be done. */
  readonly graphs?: () => Promise<{
    readonly float: Model;
    readonly quantized: Model;
    readonly valueMap?: ReadonlyMap<string, string>;
    readonly load?: LoadOptions;
  }>;
}

/**
 * Runs the float model and a candidate over the data, or over made-up feeds where there is none, and compares.
 * A candidate whose output has NaN or infinity misses a limit that nobody needs to set.
 * @throws evaluation/not-finite when an output of the float model has.
 */
export async function verify(
  context: RunContext,
  reference: NamedSession,
  candidate: NamedSession,
  data: MeasuringData,
  options: VerifyOptions = {},
): Promise<Verification> {
  const dataset = data.dataset ?? syntheticDataset(reference.session);
  const measured = await measureBoth(context, reference, candidate, dataset, options);
  const limits = measured.finite
    ? (options.limits ?? []).map((limit) => checkLimit(limit, measured))
    : [notFinite];
  const missed = limits.some((limit) => !limit.met);
  const graphs = options.layers || missed ? await options.graphs?.() : undefined;
  const layers =
    graphs &&
    (await compareLayers({
      floatModel: graphs.float,
      quantizedModel: graphs.quantized,
      runtime: context.runtime,
      dataset,
      ...(graphs.valueMap && { mapping: graphs.valueMap }),
      ...(graphs.load && { load: graphs.load }),
      ...(context.signal && { signal: context.signal }),
      onProgress: context.progress(`layers of ${candidate.name}`, 'samples'),
    }));
  const notes = [...measured.notes];
  if (data.dataset === undefined) {
    notes.push(
      'No data was given: agreement is over made-up inputs and says nothing about quality on yours.',
    );
  }
  const { baseline, agreement } = measured;
  return {
    baseline,
    candidate: measured.candidate,
    ...(agreement && { agreement }),
    limits,
    notes,
    ...(layers && { layers }),
  };
}

/** An output that is no number always fails, whatever the limits say. */
const notFinite: LimitRecord = { text: 'no NaN or Inf', metric: 'outputs', met: false, value: 0 };

interface Measured extends Pick<Verification, 'baseline' | 'candidate' | 'agreement' | 'notes'> {
  /** False when an output of the candidate is NaN or Inf: it then has no metrics. */
  readonly finite: boolean;
}

async function measureBoth(
  context: RunContext,
  reference: NamedSession,
  candidate: NamedSession,
  dataset: Dataset,
  { samples }: MeasureOptions,
): Promise<Measured> {
  const pass = {
    dataset,
    ...(samples !== undefined && { samples }),
    ...(context.signal && { signal: context.signal }),
    onProgress: context.progress(`verify ${candidate.name}`, 'samples'),
  };
  try {
    const compared = await compareModels({ reference, candidates: [candidate], ...pass });
    const { metrics, agreement, notes } = compared.candidates[0]!;
    return { finite: true, baseline: compared.reference.metrics, candidate: metrics, agreement, notes };
  } catch (error) {
    if (!(error instanceof LowbitError) || error.code !== 'evaluation/not-finite') throw error;
    if ((error.details as { readonly model: string }).model !== candidate.name) throw error;
    const { metrics } = await evaluateModel({ ...reference, ...pass });
    return { finite: false, baseline: metrics, candidate: [], notes: [error.message] };
  }
}

/** How many made-up inputs stand in for data. */
const syntheticSamples = 8;

/** Made-up inputs as a dataset without labels: a smoke test, no measure of quality. */
export function syntheticDataset(session: Session): Dataset {
  const fixed = session.inputs[0]?.shape[0];
  return {
    name: 'made-up inputs',
    size: syntheticSamples,
    task: 'none',
    guesses: [],
    ...(typeof fixed === 'number' && { fixedBatch: fixed }),
    async *batches({ start = 0, end = syntheticSamples }) {
      for (let i = start; i < end; i++) {
        yield { size: 1, feeds: syntheticFeeds(session.inputs, { batch: 1, seed: i + 1 }).feeds };
      }
    },
  };
}
