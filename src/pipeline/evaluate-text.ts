import {
  checkLimit,
  type LanguageModel,
  measurePerplexity,
  openLanguageModel,
  type PerplexityResult,
  parseLimit,
} from '../evaluation/index.ts';
import { openFile } from '../files/index.ts';
import type { FileRecord, MeasurementRecord, OutputRecord, RunRecord } from '../report/index.ts';
import { capabilities } from '../runtime/index.ts';
import { fail, LowbitError, throwIfAborted } from '../tensor/index.ts';
import { openWeights, refuseWithoutTensors } from './gguf/open-weights.ts';
import type { EvaluateOptions, ModelInput } from './recipe.ts';
import { lowbitVersion } from './version.ts';

/** What is measured of one model. */
interface Measured {
  readonly measurement: MeasurementRecord;
  readonly result: PerplexityResult;
  readonly model: Pick<LanguageModel, 'runtime' | 'trainedContext' | 'firstToken'>;
}

/** A model that llama.cpp runs. */
export const isTextModel = (model: ModelInput): model is string =>
  typeof model === 'string' && /\.gguf$/i.test(model);

/**
 * Perplexity of a GGUF model over a text file, alone or beside another one, through node-llama-cpp.
 * @throws runtime/peer-missing, runtime/llama-load, evaluation/short-text, evaluation/text-file, limit/*
 */
export async function evaluateText(options: EvaluateOptions, model: string): Promise<RunRecord> {
  const started = performance.now();
  const { against, data, maxDrop, minMetric, signal, onEvent: emit = () => {} } = options;
  const limits = [maxDrop, minMetric].filter((text) => text !== undefined).map(parseLimit);
  if (against !== undefined && !isTextModel(against))
    fail('evaluation/text-model', { model: nameOf(against) });
  if (maxDrop !== undefined && against === undefined) fail('limit/no-baseline', { text: maxDrop });
  if (typeof data !== 'string') fail('evaluation/text-file', { data: 'a dataset' });
  const text = await readText(data);
  throwIfAborted(signal);

  const baseline = await measureOne(against ?? model, text, options);
  const outputs: OutputRecord[] = [];
  let measured = baseline;
  if (against !== undefined) {
    const begun = performance.now();
    measured = await measureOne(model, text, options);
    const checks = limits.map((limit) =>
      checkLimit(limit, { baseline: baseline.measurement.metrics, candidate: measured.measurement.metrics }),
    );
    const output: OutputRecord = {
      preset: fileName(model),
      status: checks.every(({ met }) => met) ? 'done' : 'limit-not-met',
      file: measured.measurement.file,
      tensors: [],
      kept: [],
      notes: [pairedText(baseline.result, measured.result)],
      measurement: measured.measurement,
      limits: checks,
      seconds: (performance.now() - begun) / 1000,
    };
    emit({ type: 'output', output });
    outputs.push(output);
  }
  const own =
    against === undefined
      ? limits.map((limit) => checkLimit(limit, { candidate: baseline.measurement.metrics }))
      : [];
  const notes = beyondTraining(against === undefined ? [baseline] : [baseline, measured]);
  for (const note of notes) emit({ type: 'note', text: note });
  const { cpu, cores, vnni } = await capabilities();
  const { chunks, context, tokens, textTokens } = measured.result;
  return {
    schema: 1,
    command: 'evaluate',
    lowbitVersion,
    machine: { cpu, cores, vnni, runtime: measured.model.runtime, threads: options.threads ?? cores },
    source: baseline.measurement.file,
    guesses: [],
    evaluation: { data, samples: chunks, text: { chunks, context, tokens, textTokens } },
    ...(notes.length > 0 && { notes }),
    baseline: baseline.measurement,
    ...(own.length > 0 && { limits: own }),
    outputs,
    seconds: (performance.now() - started) / 1000,
  };
}

async function measureOne(path: string, text: string, options: EvaluateOptions): Promise<Measured> {
  const { context = 512, measure = {}, signal, threads, onEvent: emit = () => {} } = options;
  emit({ type: 'step', step: 'verify' });
  const file = await fileRecord(path);
  await refuseDamaged(path);
  const model = await openLanguageModel(path, {
    context,
    ...(threads && { threads }),
    ...(signal && { signal }),
  }).catch((error) => diagnose(path, error));
  try {
    const result = await measurePerplexity(model, text, {
      context,
      ...(measure.samples !== undefined && { chunks: measure.samples }),
      ...(signal && { signal }),
      onProgress: (done, total) =>
        emit({ type: 'progress', label: `evaluate ${fileName(path)}`, done, total, unit: 'samples' }),
    });
    const { perplexity, standardError, tokens } = result;
    return {
      result,
      model,
      measurement: {
        file,
        latency: [],
        metrics: [
          {
            name: 'perplexity',
            value: perplexity,
            kind: 'error',
            higherIsBetter: false,
            samples: tokens,
            interval: [perplexity - 1.96 * standardError, perplexity + 1.96 * standardError],
            standardError,
          },
        ],
      },
    };
  } finally {
    await model.close();
  }
}

/** Our own reader says where a file is cut off. What llama.cpp is more lenient with is left to it. */
async function refuseDamaged(path: string): Promise<void> {
  await openWeights(path).then(
    ({ close }) => close(),
    (error) => {
      if (['gguf/not-gguf', 'gguf/truncated'].includes((error as LowbitError).code)) throw error;
    },
  );
}

/** Of a file that llama.cpp does not load our own reader says more. */
async function diagnose(path: string, error: unknown): Promise<never> {
  if (!(error instanceof LowbitError) || error.code !== 'runtime/llama-load') throw error;
  const weights = await openWeights(path);
  try {
    refuseWithoutTensors(weights);
  } finally {
    await weights.close();
  }
  throw error;
}

/** A model that never saw texts so long says little of its weights there: said once for each length. */
function beyondTraining(measured: readonly Measured[]): string[] {
  const notes = measured.flatMap(({ model: { trainedContext }, result: { context } }) =>
    context <= trainedContext
      ? []
      : [
          `The model was trained on texts of at most ${trainedContext} tokens, and chunks of ${context} are longer: its perplexity is worse there for that reason alone. Take --context ${trainedContext} or less.`,
        ],
  );
  return [...new Set(notes)];
}

/** The same chunks were read by both: the difference is surer than either figure. */
function pairedText(before: PerplexityResult, after: PerplexityResult): string {
  const differences = after.chunkLosses.map((loss, i) => loss - before.chunkLosses[i]!);
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  const squares = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0);
  const error = Math.sqrt(squares / Math.max(1, differences.length - 1) / differences.length);
  return `ln of the ratio of perplexities: ${signed(mean)} ± ${error.toFixed(4)} (paired over ${differences.length} chunks)`;
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(4)}`;
const fileName = (path: string): string => /[^/\\]+$/.exec(path)?.[0] ?? path;
export const nameOf = (model: ModelInput): string =>
  typeof model === 'string' ? model : 'source' in model ? model.source.name : model.name;

async function fileRecord(path: string): Promise<FileRecord> {
  const { source } = await openFile(path);
  await source.close?.();
  return { path, sizeBytes: source.size };
}

/** Text is read whole: it becomes tokens at once. */
const maxTextBytes = 256 * 2 ** 20;

async function readText(path: string): Promise<string> {
  const { source } = await openFile(path);
  try {
    if (source.size > maxTextBytes)
      fail('data/too-large', { file: path, what: 'the text', got: source.size, limit: maxTextBytes });
    const bytes = await source.read(0, source.size);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof TypeError) return fail('evaluation/text-file', { data: path }, cause);
    throw cause;
  } finally {
    await source.close?.();
  }
}
