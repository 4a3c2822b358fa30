import { beforeAll, describe, expect, test } from 'vitest';
import { glyphDataset } from '../../examples/glyphs/glyph-dataset.ts';
import { memoryFolder, memorySource, openFile } from '../files/index.ts';
import { type Graph, loadWeight, readOnnx } from '../graph/index.ts';
import type { OutputRecord, RunEvent, RunRecord } from '../report/index.ts';
import { createRuntime, type Runtime } from '../runtime/index.ts';
import { bytesOf, LowbitError } from '../tensor/index.ts';
import { quantize } from './quantize.ts';
import type { QuantizeOptions } from './recipe.ts';

/** The life of a run on the glyph network: what is chosen, predicted, repeated, stopped. */

const model = new URL('../../examples/glyphs/glyphs.onnx', import.meta.url).pathname;
const data = glyphDataset({ seed: 2, size: 64 });
const measure = { runs: 0, memory: false };

type Wanted = Omit<QuantizeOptions, 'model' | 'output'>;

async function made(options: Wanted): Promise<{ record: RunRecord; files: Map<string, Uint8Array> }> {
  const output = memoryFolder();
  const record = await quantize({ model, output, measure, ...options });
  return { record, files: output.files };
}

async function refusal(options: Wanted): Promise<string> {
  const output = memoryFolder();
  const error = await quantize({ model, output, measure, ...options }).then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(LowbitError);
  expect(output.files.size).toBe(0);
  return (error as LowbitError).message;
}

/** Formats by operator, with how many tensors. */
function formats({ tensors }: OutputRecord): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op, format } of tensors) {
    const key = `${op} ${format}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe('selection', () => {
  const only = async (options: Wanted) => (await made({ calibrate: data, ...options })).record.outputs[0]!;

  test('everything, when nothing is said', async () => {
    expect(formats(await only({ to: 'int8' }))).toEqual({ 'Conv int8': 17, 'Gemm int8': 1 });
  });

  test('keep: by operator type, by name pattern, by output', async () => {
    const output = await only({ to: 'int8', keep: ['Gemm', '/stem/*'] });
    expect(formats(output)).toEqual({ 'Conv int8': 16 });
    const kept = output.kept.filter((k) => k.why.startsWith('kept float by'));
    expect(kept.map(({ node, why }) => [node, why])).toEqual(
      expect.arrayContaining([
        ['/stem/stem.0/Conv', "kept float by '/stem/*'"],
        ['/fc/Gemm', "kept float by 'Gemm'"],
      ]),
    );
    expect(formats(await only({ to: 'int8', keep: ['logits'] }))).toEqual({ 'Conv int8': 17 });
  });

  test('only, and the first and last layer', async () => {
    expect(formats(await only({ to: 'int8-weights', only: ['Gemm'] }))).toEqual({ 'Gemm int8': 1 });
    const ends = await only({ to: 'int8', keepEnds: true });
    expect(formats(ends)).toEqual({ 'Conv int8': 16 });
    expect(
      ends.kept.filter((k) => k.why === 'first or last layer, kept float as asked').map((k) => k.node),
    ).toEqual(expect.arrayContaining(['/stem/stem.0/Conv', '/fc/Gemm']));
  });

  test.each<[string, Wanted, Record<string, number>]>([
    [
      'static, the classifier in blocks of 8 bits',
      { to: 'int8', overrides: { '/fc/*': 'q8-weights' } },
      { 'Conv int8': 17, 'Gemm uint8': 1 },
    ],
    ['static, the classifier float', { to: 'int8', overrides: { Gemm: 'float' } }, { 'Conv int8': 17 }],
    [
      '4 bits, one convolution 8',
      { to: 'q4', only: ['Gemm'], overrides: { '/body/body.4/f/f.0/Conv': 'int8-weights' } },
      { 'Gemm uint4': 1, 'Conv int8': 1 },
    ],
    [
      'half precision, the classifier dynamic',
      { to: 'fp16', overrides: { Gemm: 'int8-dynamic' } },
      { 'Gemm int8': 1, 'Conv float16': 34 },
    ],
  ])('hybrid: %s', async (_, options, wanted) => {
    const output = await only({ ...options, evaluate: data });
    expect(output.status).toBe('done');
    expect(formats(output)).toMatchObject(wanted);
    expect(output.agreement!.sameDecision).toBeGreaterThan(0.95);
    // A node that an override took is not listed as kept.
    const taken = new Set(output.tensors.map((t) => t.node));
    expect(
      output.kept.filter(
        (k) => taken.has(k.node) || / by override /.test(k.why) !== k.why.startsWith('kept float'),
      ),
    ).toEqual([]);
  });

  test('the first override that matches wins, and keep wins over all', async () => {
    const first = await only({ to: 'int8-weights', overrides: { Gemm: 'q4', '/fc/*': 'q8-weights' } });
    expect(formats(first)).toMatchObject({ 'Gemm uint4': 1 });
    const kept = await only({ to: 'int8-weights', keep: ['/fc/*'], overrides: { Gemm: 'q4' } });
    expect(Object.keys(formats(kept))).toEqual(['Conv int8']);
  });

  test('an override that covers nothing of what it names is said', async () => {
    const output = await only({ to: 'int8-weights', overrides: { Clip: 'q4' } });
    expect(output.notes).toContain(
      "The overrides with 'q4' quantized nothing: it covers no operator that they name.",
    );
  });

  test('a layer that is folded away still counts as known', async () => {
    expect((await only({ to: 'int8-weights', keep: ['BatchNormalization'] })).status).toBe('done');
  });

  test.each<[string, Wanted]>([
    ['keep', { to: 'fp16', keep: ['Gemn'] }],
    ['only', { to: 'fp16', only: ['/fc/gemm'] }],
    ['override', { to: 'fp16', overrides: { 'fc*': 'float' } }],
  ])('a pattern that names nothing is refused: %s', async (key, options) => {
    const pattern = [
      ...(options.keep ?? []),
      ...(options.only ?? []),
      ...Object.keys(options.overrides ?? {}),
    ][0];
    expect(await refusal(options)).toBe(
      `The ${key} pattern '${pattern}' matches no node's name, output or operator type in this model. Operator types: Add, Clip, Conv, Gemm, ReduceMean. Nodes: /stem/stem.0/Conv, /stem/stem.2/Clip, /body/body.0/f/f.0/Conv, /body/body.0/f/f.2/Clip, /body/body.0/f/f.3/Conv, /body/body.0/f/f.5/Clip, /body/body.0/f/f.6/Conv, /body/body.0/Add, /body/body.1/f/f.0/Conv, /body/body.1/f/f.2/Clip, /body/body.1/f/f.3/Conv, /body/body.1/f/f.5/Clip and 22 more. Correct the pattern; * stands for any characters.`,
    );
  });
});

describe('a plan', () => {
  test.each<[string, Wanted]>([
    ['weight-only', { to: 'int8-weights' }],
    ['16-bit floats', { to: 'fp16' }],
    ['dynamic', { to: 'int8-dynamic' }],
    ['hybrid', { to: 'int8-weights', overrides: { Gemm: 'q4' } }],
    ['external data', { to: 'q8', externalData: true }],
    ['the layout of transformers.js', { to: 'q8', externalData: true, layout: 'transformers.js' }],
  ])('%s: the predicted size is that of the files', async (_, options) => {
    const plan = await made({ ...options, dryRun: true });
    expect(plan.files.size).toBe(0);
    const [planned] = plan.record.outputs;
    const { record, files } = await made(options);
    const sizeBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
    expect(planned).toMatchObject({ status: 'planned', predictedSizeBytes: sizeBytes });
    expect(record.outputs[0]!.file!.sizeBytes).toBe(sizeBytes);
    expect(planned!.tensors).toEqual(record.outputs[0]!.tensors);
  });

  test.each<[string, Wanted]>([
    ['with', { to: 'int8', calibrate: data }],
    ['without', { to: 'int8' }],
    ['in a hybrid, with', { to: 'q4', only: ['Gemm'], overrides: { Conv: 'int8' }, calibrate: data }],
  ])('of what calibration decides, %s the data: an estimate, and said to be one', async (_, options) => {
    const steps: string[] = [];
    const onEvent = (event: RunEvent) => void (event.type === 'step' && steps.push(event.step));
    const [planned] = (await made({ ...options, dryRun: true, onEvent })).record.outputs;
    expect(steps).not.toContain('calibrate');
    const { record } = await made({ ...options, calibrate: data });
    const ratio = planned!.predictedSizeBytes! / record.outputs[0]!.file!.sizeBytes;
    expect(Math.abs(ratio - 1)).toBeLessThan(0.02);
    expect(planned!.tensors).toEqual(record.outputs[0]!.tensors);
    expect(planned!.notes.at(-1)).toBe(
      'The size is an estimate: a plan does not calibrate, and a small part of the file depends on the ranges.',
    );
  });
});

describe('repeating a run', () => {
  test('gives the same bytes', async () => {
    const options: Wanted = {
      to: ['int8', 'q4', 'fp16'],
      only: ['Conv', 'Gemm', 'Clip', 'Add'],
      calibrate: data,
    };
    const [a, b] = [await made(options), await made(options)];
    expect([...a.files.keys()]).toEqual(['int8.onnx', 'q4.onnx', 'fp16.onnx']);
    for (const [name, bytes] of a.files) expect(Buffer.compare(bytes, b.files.get(name)!), name).toBe(0);
  });

  test('with another number of threads gives the same weight codes and graph', async () => {
    const [one, two] = [
      await made({ to: 'int8', calibrate: data, threads: 1 }),
      await made({ to: 'int8', calibrate: data, threads: 2 }),
    ];
    const [a, b] = await Promise.all([one, two].map(({ files }) => graphOf(files.get('int8.onnx')!)));
    expect(b!.operators).toEqual(a!.operators);
    expect(a!.codes.size).toBe(18);
    expect(b!.codes).toEqual(a!.codes);
  });
});

async function graphOf(bytes: Uint8Array) {
  const { graph } = await readOnnx({ source: memorySource(bytes, 'int8.onnx') });
  return { operators: [...graph.nodes].map((node) => node.kind), codes: await codesOf(graph) };
}

/** Weights of 8 bits, by name. */
async function codesOf(graph: Graph): Promise<Map<string, Buffer>> {
  const codes = new Map<string, Buffer>();
  for (const [name, weight] of graph.initializers) {
    if (weight.dtype !== 'int8' || weight.dims.length < 2) continue;
    codes.set(name, Buffer.from(bytesOf(await loadWeight(weight))));
  }
  return codes;
}

test('presets of one run share one calibration', async () => {
  const passes = async (to: string[]) => {
    let ended = 0;
    const onEvent = (event: RunEvent) => {
      if (event.type === 'progress' && event.label === 'calibrate' && event.done === event.total) ended++;
    };
    const { record } = await made({ to, calibrate: data, onEvent });
    expect(record.outputs.map((o) => o.status)).toEqual(to.map(() => 'done'));
    return ended;
  };
  expect(await passes(['int8'])).toBe(1);
  // Both want the same values; the forms and formats of what is made of them differ.
  expect(await passes(['int8', 'uint8-static', 'int8-a16'])).toBe(1);
});

describe('stopping', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createRuntime('native');
    return () => runtime.close();
  });

  test.each<[string, (event: RunEvent) => boolean]>([
    ['while opening', (e) => e.type === 'step' && e.step === 'open'],
    ['while calibrating', (e) => e.type === 'progress' && e.label === 'calibrate'],
    ['while quantizing', (e) => e.type === 'step' && e.step === 'quantize'],
    ['while writing', (e) => e.type === 'step' && e.step === 'write'],
    ['while verifying', (e) => e.type === 'progress' && e.label.startsWith('verify')],
  ])('%s: a named error, and nothing under the final name', async (_, when) => {
    const controller = new AbortController();
    const output = memoryFolder();
    const run = quantize({
      model,
      to: 'int8',
      calibrate: data,
      output,
      measure,
      runtime,
      signal: controller.signal,
      onEvent: (event) => void (when(event) && controller.abort()),
    });
    await expect(run).rejects.toMatchObject({ name: 'LowbitError', code: 'run/aborted', exitCode: 130 });
    expect(output.files.size).toBe(0);
  });

  test('a runtime that was brought along is still usable', async () => {
    const { record } = await made({ to: 'fp16', runtime });
    expect(record.outputs[0]!.status).toBe('done');
  });

  test('a signal that is aborted already', async () => {
    expect(await refusal({ to: 'fp16', signal: AbortSignal.abort() })).toBe(
      'The run was interrupted. Nothing was written under the final name.',
    );
  });
});

test('the card in the file says what made it', async () => {
  const { files } = await made({ to: 'int8-weights', keepEnds: true });
  const { metadata, producerName } = await readOnnx({
    source: memorySource(files.get('int8-weights.onnx')!, 'x'),
  });
  expect([producerName, metadata.get('lowbit.preset')]).toEqual(['lowbit', 'int8-weights']);
  expect(JSON.parse(metadata.get('lowbit.recipe')!)).toMatchObject({ to: 'int8-weights', keepEnds: true });
});

test('a model in memory gives the bytes of a model on disk', async () => {
  const { source, siblings } = await openFile(model);
  const bytes = await source.read(0, source.size);
  const output = memoryFolder();
  await quantize({ model: { source: memorySource(bytes, model), siblings }, to: 'q8', output, measure });
  const { files } = await made({ to: 'q8' });
  expect(Buffer.compare(output.files.get('q8.onnx')!, files.get('q8.onnx')!)).toBe(0);
});
