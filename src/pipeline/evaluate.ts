import { checkLimit, evaluateModel, parseLimit } from '../evaluation/index.ts';
import { closingOnError } from '../files/index.ts';
import type { MeasurementRecord, OutputRecord, RunRecord } from '../report/index.ts';
import type { Session } from '../runtime/index.ts';
import { fail } from '../tensor/index.ts';
import { checkOptions } from './check-options.ts';
import { evaluateText, isTextModel, nameOf } from './evaluate-text.ts';
import { openData } from './open-data.ts';
import { type OpenedModel, openRunnable } from './open-model.ts';
import type { CompareOptions, DataInput, EvaluateOptions, MeasureOptions, ModelInput } from './recipe.ts';
import { machineRecord, type RunContext, withContext } from './run-context.ts';
import { simplifiedCopy } from './simplified-copy.ts';
import { compareCost, type MeasuringData, measureCost, measuringData, verify } from './verify.ts';
import { lowbitVersion } from './version.ts';

/**
 * Measures a model on data, alone or against another one. With `against`, the record's baseline is that one
 * and its one output is the model; without, the baseline is the model itself.
 * @throws evaluation/not-finite, limit/*, data/*
 */
export async function evaluate(options: EvaluateOptions): Promise<RunRecord> {
  checkOptions('evaluate', options);
  if (isTextModel(options.model)) return evaluateText(options, options.model);
  if (options.context !== undefined) fail('evaluation/text-model', { model: 'this one' });
  const { against, data, model, measure = {} } = options;
  const limits = [options.maxDrop, options.minMetric].filter((text) => text !== undefined).map(parseLimit);
  if (options.maxDrop !== undefined && against === undefined)
    fail('limit/no-baseline', { text: options.maxDrop });
  const reference = against ?? model;
  return recordRun('evaluate', reference, against === undefined ? [] : [model], data, {
    ...options,
    measure,
    limits,
  });
}

/** Compares one or more candidates with a reference: agreement, layers by name, size, latency, memory. */
export async function compare(options: CompareOptions): Promise<RunRecord> {
  checkOptions('compare', options);
  const [reference, ...candidates] = options.models;
  if (reference === undefined || candidates.length === 0)
    fail('compare/too-few', { got: options.models.length });
  const text = options.models.find(isTextModel);
  if (text !== undefined) {
    const usage = `lowbit evaluate ${nameOf(candidates[0]!)} --against ${nameOf(reference)} --data text.txt --metric perplexity`;
    fail('compare/text-model', { model: text, usage });
  }
  return recordRun('compare', reference, candidates, options.data, { ...options, limits: [] });
}

type RunOptions = Omit<EvaluateOptions, 'model' | 'data' | 'against'> & {
  readonly limits: ReturnType<typeof parseLimit>[];
};

async function recordRun(
  command: 'evaluate' | 'compare',
  reference: ModelInput,
  candidates: readonly ModelInput[],
  data: DataInput | undefined,
  options: RunOptions,
): Promise<RunRecord> {
  const started = performance.now();
  const { limits, measure = {} } = options;
  return withContext(options, async (context) => {
    context.emit({ type: 'step', step: 'open' });
    const { opened, session } = await openSession(context, reference);
    try {
      const dataset = data === undefined ? undefined : await openData(data, opened.model);
      const subject = { opened, session, data: measuringData(dataset, session) };
      const records: OutputRecord[] = [];
      let baseline: MeasurementRecord | undefined;
      for (const candidate of candidates) {
        const { record, metrics, latency } = await compareOne(context, subject, candidate, {
          measure,
          limits,
        });
        context.emit({ type: 'output', output: record });
        records.push(record);
        if (baseline === undefined) {
          const memory = await costOf(context, subject, { ...measure, runs: 0 });
          baseline = { file: opened.file, metrics, ...memory, latency };
        }
      }
      baseline ??= await measureAlone(context, subject, measure);
      const { metrics } = baseline;
      const own =
        candidates.length === 0 ? limits.map((limit) => checkLimit(limit, { candidate: metrics })) : [];
      return {
        schema: 1,
        command,
        lowbitVersion,
        machine: await machineRecord(context.runtime),
        source: opened.file,
        guesses: dataset?.guesses ?? [],
        ...(dataset && {
          evaluation: {
            data: dataset.name,
            samples: Math.min(dataset.size, measure.samples ?? Number.POSITIVE_INFINITY),
          },
        }),
        baseline,
        ...(own.length > 0 && { limits: own }),
        outputs: records,
        seconds: (performance.now() - started) / 1000,
      };
    } finally {
      await session.release();
      await opened.close();
    }
  });
}

interface Subject {
  readonly opened: OpenedModel;
  readonly session: Session;
  readonly data: MeasuringData;
}

/** A model, and the runtime's session of it; both are for the caller to close. */
async function openSession(
  context: RunContext,
  input: ModelInput,
): Promise<Pick<Subject, 'opened' | 'session'>> {
  const opened = await openRunnable(input);
  return closingOnError([opened], async () => {
    const session = await context.runtime.load(await opened.loadable(), { name: opened.name });
    return { opened, session };
  });
}

const costOf = async (context: RunContext, { opened, session, data }: Subject, measure: MeasureOptions) =>
  measureCost(context, { session, loadable: await opened.loadable() }, data, measure);

async function measureAlone(
  context: RunContext,
  subject: Subject,
  measure: MeasureOptions,
): Promise<MeasurementRecord> {
  const { opened, session, data } = subject;
  context.emit({ type: 'step', step: 'verify' });
  const evaluation =
    data.dataset &&
    (await evaluateModel({
      name: opened.name,
      session,
      dataset: data.dataset,
      ...(measure.samples !== undefined && { samples: measure.samples }),
      ...(context.signal && { signal: context.signal }),
      onProgress: context.progress(`evaluate ${opened.name}`, 'samples'),
    }));
  return {
    file: opened.file,
    metrics: evaluation?.metrics ?? [],
    ...(await costOf(context, subject, measure)),
  };
}

async function compareOne(
  context: RunContext,
  reference: Subject,
  candidate: ModelInput,
  { measure, limits }: { measure: MeasureOptions; limits: RunOptions['limits'] },
): Promise<{ record: OutputRecord } & Pick<MeasurementRecord, 'metrics' | 'latency'>> {
  const started = performance.now();
  context.emit({ type: 'step', step: 'verify' });
  const { opened, session } = await openSession(context, candidate);
  try {
    const names = [reference.opened, opened].map(({ name }) => name);
    const result = await verify(
      context,
      { name: names[0]!, session: reference.session },
      { name: names[1]!, session },
      reference.data,
      {
        ...measure,
        limits,
        // After batch norms are folded a Conv's output means another value than in the file: fold on both sides.
        graphs: async () => ({
          float: await simplifiedCopy(context, reference.opened.model),
          quantized: await simplifiedCopy(context, opened.model),
        }),
      },
    );
    const subject = { session, loadable: await opened.loadable() };
    const cost = await compareCost(context, reference.session, subject, reference.data, measure);
    const record: OutputRecord = {
      preset: opened.name,
      status: result.limits.every((limit) => limit.met) ? 'done' : 'limit-not-met',
      file: opened.file,
      tensors: [],
      kept: [],
      notes: result.notes,
      measurement: { file: opened.file, metrics: result.candidate, ...cost.candidate },
      ...(result.agreement && { agreement: result.agreement }),
      limits: result.limits,
      ...(result.layers && { layers: result.layers }),
      seconds: (performance.now() - started) / 1000,
    };
    return { record, metrics: result.baseline, latency: cost.reference };
  } finally {
    await session.release();
    await opened.close();
  }
}
