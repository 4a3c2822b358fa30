import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { glyphDataset } from '../../examples/glyphs/glyph-dataset.ts';
import { glyphModel, recordOf, writeGlyphs } from '../../test/run-lowbit.ts';
import { memoryFolder, memorySource } from '../files/index.ts';
import type { OutputRecord, RunRecord } from '../report/index.ts';
import { LowbitError } from '../tensor/index.ts';
import { compare, evaluate } from './evaluate.ts';
import { quantize } from './quantize.ts';
import type { ModelInput } from './recipe.ts';

const data = glyphDataset({ seed: 2, size: 100 });
const measure = { runs: 2, batch: 4, memory: false };

let folder: string;
/** 8-bit weights: close to float. 2-bit classifier: far from it. */
let near: ModelInput;
let far: ModelInput;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-evaluate-'));
  await writeGlyphs(join(folder, 'data'), 100);
  const make = async (to: string, overrides: Record<string, string>): Promise<ModelInput> => {
    const output = memoryFolder();
    await quantize({ model: glyphModel, to, overrides, output, measure: { runs: 0, memory: false } });
    const [[name, bytes]] = [...output.files] as [[string, Uint8Array]];
    return { source: memorySource(bytes, name) };
  };
  near = await make('int8-weights', {});
  far = await make('bf16', { Gemm: 'q2' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a model alone: its metrics are the baseline, and nothing else was made', async () => {
  const record = await evaluate({ model: glyphModel, data, measure });
  expect(record).toMatchObject({ schema: 1, command: 'evaluate', outputs: [] });
  expect(record.evaluation).toEqual({ data: data.name, samples: 100 });
  expect(record.baseline!.metrics[0]).toMatchObject({ name: 'top-1', kind: 'rate', samples: 100 });
  expect(record.baseline!.metrics[0]!.value).toBeGreaterThan(0.9);
  expect(record.baseline!.latency.map(({ batch, runs }) => [batch, runs])).toEqual([
    [1, 2],
    [4, 2],
  ]);
});

test('against another: agreement, limits, and layers when one is missed', async () => {
  const kept = await evaluate({ model: near, against: glyphModel, data, measure, maxDrop: '2%' });
  expect(kept.outputs[0]).toMatchObject({ status: 'done', limits: [{ text: '2%', met: true }] });
  expect(kept.outputs[0]!.layers).toBeUndefined();
  const { agreement } = kept.outputs[0]!;
  expect(agreement).toMatchObject({ samples: 100, outputs: [{ name: 'logits' }] });
  expect(agreement!.sameDecision).toBeGreaterThan(0.95);
  expect(agreement!.outputs[0]!.sqnrDb).toBeGreaterThan(20);

  const lost = await evaluate({ model: far, against: glyphModel, data, measure, minMetric: 'top-1>=0.999' });
  expect(lost.outputs[0]).toMatchObject({ status: 'limit-not-met', limits: [{ met: false }] });
  expect(lost.outputs[0]!.layers![0]).toMatchObject({ node: '/fc/Gemm', value: 'logits' });
  expect(lost.baseline!.metrics[0]!.value).toBe(kept.baseline!.metrics[0]!.value);
});

test('a limit alone, and one that wants a model to be held against', async () => {
  const record = await evaluate({ model: glyphModel, data, measure, minMetric: 'top-1>=0.999' });
  expect(record.limits).toMatchObject([{ text: 'top-1>=0.999', metric: 'top-1', met: false }]);
  await expect(evaluate({ model: glyphModel, data, measure, maxDrop: '1%' })).rejects.toThrow(
    "The limit '1%' is a drop against another model, and none was named. Give the float model with --against.",
  );
});

test('at most so many samples', async () => {
  const record = await evaluate({
    model: near,
    against: glyphModel,
    data,
    measure: { ...measure, samples: 10 },
  });
  expect(record.evaluation!.samples).toBe(10);
  expect(record.outputs[0]!.agreement!.samples).toBe(10);
  expect(record.baseline!.metrics[0]!.samples).toBe(10);
});

test('comparing: every candidate with the reference, layers on request, also without data', async () => {
  const record = await compare({
    models: [glyphModel, near, far],
    data,
    measure: { ...measure, layers: true },
  });
  expect(record.command).toBe('compare');
  expect(record.outputs.map((o) => o.preset)).toEqual(['int8-weights.onnx', 'bf16.onnx']);
  const worst = record.outputs.map((o) => o.layers![0]!.sqnrDb);
  expect(worst[0]).toBeGreaterThan(worst[1]!);
  expect(record.source.sizeBytes / record.outputs[0]!.file!.sizeBytes).toBeGreaterThan(1.5);

  const blind = await compare({ models: [glyphModel, near], measure });
  expect(blind.outputs[0]!.notes.at(-1)).toBe(
    'No data was given: agreement is over made-up inputs and says nothing about quality on yours.',
  );
  expect(blind.outputs[0]!.measurement!.metrics).toEqual([]);
  expect(blind.evaluation).toBeUndefined();
});

test('a model is equal to itself', async () => {
  const { outputs } = await compare({ models: [glyphModel, glyphModel], data, measure });
  expect(outputs[0]!.agreement).toMatchObject({
    sameDecision: 1,
    outputs: [{ sqnrDb: 400, maxAbsError: 0 }],
  });
});

test('too few models, and models that do not fit together', async () => {
  const error = await compare({ models: [glyphModel], measure }).catch((e) => e);
  expect(error).toBeInstanceOf(LowbitError);
  expect(error.message).toBe(
    'compare wants a reference and at least one candidate, and got 1 models. Name two or more.',
  );
});

/** What differs from run to run or from place to place, taken out. */
function comparable({ seconds: _, machine, source, baseline, outputs, ...rest }: RunRecord) {
  const figures = ({
    latency: _l,
    file,
    peakMemoryBytes: _p,
    ...own
  }: NonNullable<RunRecord['baseline']>) => ({
    ...own,
    sizeBytes: file.sizeBytes,
  });
  const output = ({ seconds: _s, file, measurement, notes, ...own }: OutputRecord) => ({
    ...own,
    // Speed differs from run to run, and so do notes on it.
    notes: notes.filter((note) => !/^(Slower than float|Timings at batch)/.test(note)),
    sizeBytes: file?.sizeBytes,
    ...(measurement && figures(measurement)),
  });
  return {
    ...rest,
    runtime: machine.runtime,
    sizeBytes: source.sizeBytes,
    baseline: baseline && figures(baseline),
    outputs: outputs.map(output),
  };
}

test('the library gives the record that the command line prints with --json', async () => {
  const path = join(folder, 'data');
  const library = await quantize({
    model: glyphModel,
    to: ['int8', 'fp16'],
    calibrate: path,
    evaluate: path,
    maxDrop: '5%',
    output: join(folder, 'library/'),
    measure,
  });
  const flags = ['--runs', '2', '--batch', '4', '--no-memory'];
  const quantized = await recordOf(
    [
      'quantize',
      glyphModel,
      '--to',
      'int8,fp16',
      '--calibrate',
      path,
      '--evaluate',
      path,
      ...flags,
      '--max-drop',
      '5%',
      '-o',
      'cli/',
    ],
    { cwd: folder },
  );
  const calibrated = ({ calibration, ...rest }: RunRecord) => ({
    ...comparable(rest as RunRecord),
    calibration: { ...calibration, seconds: undefined },
  });
  expect(calibrated(quantized.record)).toEqual(JSON.parse(JSON.stringify(calibrated(library))));

  const int8 = join(folder, 'library/int8.onnx');
  const evaluated = await recordOf(['evaluate', int8, '--data', path, '--against', glyphModel, ...flags], {
    cwd: folder,
  });
  const own = await evaluate({ model: int8, against: glyphModel, data: path, measure });
  expect(comparable(evaluated.record)).toEqual(JSON.parse(JSON.stringify(comparable(own))));
});
