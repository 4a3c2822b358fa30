import type { Dataset } from '../data/index.ts';
import {
  checkLimit,
  compareLatency,
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

/** What a model costs to run. */
export interface Cost {
  readonly latency: LatencyRecord[];
  readonly peakMemoryBytes?: number;
}

interface Subject {
  readonly session: Session;
  readonly loadable: RuntimeModel;
  readonly load?: LoadOptions;
}

/** Latency of one model at batch 1 and at the given batch, and peak memory in a process of its own. */
export async function measureCost(
  context: RunContext,
  subject: Subject,
  data: MeasuringData,
  options: MeasureOptions,
): Promise<Cost> {
  const { runs = defaultRuns } = options;
  const latency: LatencyRecord[] = [];
  for (const { feeds, batch } of runs > 0 ? await timingFeeds(data, options) : []) {
    latency.push(await measureLatency(subject.session, feeds, { batch, runs }));
  }
  return { latency, ...(await memoryOf(context, subject, data, options)) };
}

/** The same of a float model and a candidate, timed in turns; where the candidate is slower beyond noise. */
export async function compareCost(
  context: RunContext,
  reference: Session,
  subject: Subject,
  data: MeasuringData,
  options: MeasureOptions,
): Promise<{
  readonly reference: LatencyRecord[];
  readonly candidate: Cost;
  readonly slower: LatencyRecord[];
}> {
  const { runs = defaultRuns } = options;
  const before: LatencyRecord[] = [];
  const latency: LatencyRecord[] = [];
  const slower: LatencyRecord[] = [];
  for (const { feeds, batch } of runs > 0 ? await timingFeeds(data, options) : []) {
    const compared = await compareLatency(reference, subject.session, feeds, { batch, runs });
    before.push(compared.reference);
    const own = { ...compared.candidate, speedup: compared.speedup };
    latency.push(own);
    if (compared.slower) slower.push(own);
  }
  const candidate = { latency, ...(await memoryOf(context, subject, data, options)) };
  return { reference: before, candidate, slower };
}

/** Feeds of one sample and of a batch; once where the batch is fixed. */
async function timingFeeds(data: MeasuringData, { batch = defaultBatch }: MeasureOptions) {
  const [single, many] = [await data.feeds(1), await data.feeds(batch)];
  return many.batch === single.batch ? [single] : [single, many];
}

async function memoryOf(
  context: RunContext,
  subject: Subject,
  data: MeasuringData,
  { batch = defaultBatch, memory = true }: MeasureOptions,
): Promise<{ readonly peakMemoryBytes?: number }> {
  if (!memory) return {};
  const peak = await measureMemory(subject.loadable, (await data.feeds(batch)).feeds, {
    runtime: context.runtime.name,
    threads: context.runtime.threads,
    ...(subject.load && { load: subject.load }),
    ...(context.signal && { signal: context.signal }),
  });
  return peak === undefined ? {} : { peakMemoryBytes: peak };
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
