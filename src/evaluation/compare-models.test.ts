import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrayDataset, type Dataset } from '../data/index.ts';
import { encodeOnnx, Graph, Model, tensorInfo, weightOf } from '../graph/index.ts';
import { createRuntime, type Runtime, type Session } from '../runtime/index.ts';
import { float32, LowbitError } from '../tensor/index.ts';
import { compareLayers } from './compare-layers.ts';
import { compareModels, evaluateModel } from './compare-models.ts';
import { measureLatency } from './latency.ts';
import { syntheticFeeds } from './synthetic-feeds.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime('native', { threads: 1 });
});
afterAll(() => runtime.close());

/** h = x + shift, logits = h * factors; three classes. */
function classifier(shift: number, factors: readonly number[], output = 'logits'): Model {
  const g = new Graph('classifier');
  g.inputs = [tensorInfo('x', 'float32', ['batch', 3])];
  g.outputs = [tensorInfo(output, 'float32', ['batch', 3])];
  g.initializers.set('shift', weightOf(float32([], [shift])));
  g.initializers.set('factors', weightOf(float32([3], factors)));
  g.add({ op: 'Add', name: 'add', inputs: ['x', 'shift'], outputs: ['h'] });
  g.add({ op: 'Mul', name: 'mul', inputs: ['h', 'factors'], outputs: [output] });
  return new Model(g);
}

const load = async (model: Model): Promise<Session> => runtime.load(await encodeOnnx(model));
const exact = classifier(0, [1, 1, 1]);

/** Sample i has its highest value at i mod 3. */
const x = float32(
  [6, 3],
  Array.from({ length: 18 }, (_, i) => (i % 3 === Math.floor(i / 3) % 3 ? 2 : 1)),
);
const dataset = arrayDataset({ name: 'six', inputs: { x }, labels: [0, 1, 2, 0, 1, 0] });

async function message(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (e: unknown) => e,
  );
  if (error instanceof LowbitError) return error.message;
  throw error;
}

test('one model: metrics with intervals, the same for every batch size', async () => {
  const session = await load(exact);
  const whole = await evaluateModel({ session, dataset });
  expect(whole.samples).toBe(6);
  expect(whole.metrics[0]).toMatchObject({ name: 'top-1', value: 5 / 6, kind: 'rate', samples: 6 });
  expect(whole.metrics[0]!.interval![0]).toBeCloseTo(0.4365, 4);
  for (const batchSize of [1, 4]) {
    expect(await evaluateModel({ session, dataset, batchSize })).toEqual(whole);
  }
  expect((await evaluateModel({ session, dataset, samples: 4 })).metrics[0]!.value).toBe(1);
  expect(
    (await evaluateModel({ session, dataset, metrics: ['f1-macro'] })).metrics.map((m) => m.name),
  ).toEqual(['f1-macro']);
});

test('reference and candidates in one pass', async () => {
  let read = 0;
  const counted: Dataset = {
    ...dataset,
    async *batches(options) {
      for await (const batch of dataset.batches(options)) {
        read += batch.size;
        yield batch;
      }
    },
  };
  const progress: number[] = [];
  const { reference, candidates } = await compareModels({
    reference: { name: 'float', session: await load(exact) },
    candidates: [
      { name: 'same', session: await load(exact) },
      // Class 0 is never chosen.
      { name: 'worse', session: await load(classifier(0, [0.1, 1, 1])) },
    ],
    dataset: counted,
    batchSize: 2,
    onProgress: ({ done }) => progress.push(done),
  });
  expect(read).toBe(6);
  expect(progress).toEqual([2, 4, 6]);
  expect(reference.metrics[0]!.value).toBe(5 / 6);
  const [same, worse] = candidates;
  expect(same!.agreement).toEqual({
    samples: 6,
    sameDecision: 1,
    outputs: [{ name: 'logits', sqnrDb: 400, cosine: 1, maxAbsError: 0 }],
  });
  expect(same!.paired).toMatchObject({ metric: 'top-1', change: 0, interval: [0, 0] });
  // Samples 0 and 3 have label and argmax 0 and are lost; 1, 2, 4 stay right, 5 stays wrong.
  expect(worse!.metrics[0]!.value).toBe(3 / 6);
  expect(worse!.agreement.sameDecision).toBe(4 / 6);
  expect(worse!.agreement.outputs[0]!.maxAbsError).toBeCloseTo(1.8, 6);
  expect(worse!.paired!.change).toBeCloseTo(-2 / 6, 12);
  expect(worse!.paired!.mcNemar).toEqual({ onlyFirst: 2, onlySecond: 0, pValue: 0.5 });
});

test('only the rows of a filled-up batch that are samples count', async () => {
  const filled: Dataset = {
    ...dataset,
    size: 3,
    fixedBatch: 4,
    async *batches() {
      yield {
        size: 3,
        feeds: { x: float32([4, 3], [2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 2]) },
        labels: Int32Array.of(0, 1, 2),
      };
    },
  };
  const result = await evaluateModel({ session: await load(exact), dataset: filled });
  expect(result).toMatchObject({ samples: 3, metrics: [{ value: 1, samples: 3 }, {}] });
});

test('NaN and Inf are named with model, output and sample', async () => {
  const broken = { name: 'int8.onnx', session: await load(classifier(0, [1, Number.POSITIVE_INFINITY, 1])) };
  const reference = { name: 'float.onnx', session: await load(exact) };
  const bad = arrayDataset({ inputs: { x: float32([2, 3], [1, 2, 3, 1, 0, 1]) }, labels: [0, 0] });
  expect(
    await message(compareModels({ reference, candidates: [broken], dataset: bad })),
  ).toMatchInlineSnapshot(
    `"Output 'logits' of int8.onnx is Infinity for sample 0. A model that gives NaN or Inf is not usable; check the input's preprocessing, and keep the layers that overflow in float32."`,
  );
  const nan = arrayDataset({ inputs: { x: float32([2, 3], [1, -2, 3, 1, Number.NaN, 1]) }, labels: [0, 0] });
  expect(
    await message(evaluateModel({ name: 'float.onnx', session: reference.session, dataset: nan })),
  ).toMatchInlineSnapshot(
    `"Output 'logits' of float.onnx is NaN for sample 1. A model that gives NaN or Inf is not usable; check the input's preprocessing, and keep the layers that overflow in float32."`,
  );
});

test('what cannot be evaluated is named', async () => {
  const reference = { name: 'float.onnx', session: await load(exact) };
  const other = { name: 'other.onnx', session: await load(classifier(0, [1, 1, 1], 'scores')) };
  expect(await message(compareModels({ reference, candidates: [other], dataset }))).toMatchInlineSnapshot(
    `"Unknown output of other.onnx 'logits'. Known: scores."`,
  );
  const nothing = { ...dataset, size: 0, async *batches() {} };
  expect(
    await message(evaluateModel({ session: reference.session, dataset: nothing })),
  ).toMatchInlineSnapshot(
    `"Data 'six' has no samples to evaluate with. Check the path and the range of samples."`,
  );
  const signal = AbortSignal.abort();
  expect(await message(evaluateModel({ session: reference.session, dataset, signal }))).toContain(
    'interrupted',
  );
});

test('layers are ranked, worst first, and names can be mapped', async () => {
  const quantized = classifier(0.5, [1, 1, 1]);
  const request = { floatModel: exact, quantizedModel: quantized, runtime, dataset };
  const layers = await compareLayers(request);
  // h is 1 or 2, its error 0.5: 10 log10((4 + 1 + 1) / 0.75).
  const wanted = expect.closeTo(10 * Math.log10(6 / 0.75), 5);
  expect(layers).toEqual([
    { node: 'add', op: 'Add', value: 'h', sqnrDb: wanted },
    { node: 'mul', op: 'Mul', value: 'logits', sqnrDb: wanted },
  ]);
  const renamed = classifier(0, [1, 1, 0.5], 'other');
  renamed.graph.setOutput([...renamed.graph.nodes][0]!, 0, 'h2');
  renamed.graph.setInputs([...renamed.graph.nodes][1]!, ['h2', 'factors']);
  const mapping = new Map([
    ['h', 'h2'],
    ['logits', 'other'],
  ]);
  const mapped = await compareLayers({ ...request, quantizedModel: renamed, mapping, samples: 2 });
  expect(mapped.map(({ node, sqnrDb }) => [node, Math.round(sqnrDb)])).toEqual([
    ['mul', 14],
    ['add', 400],
  ]);
});

test('latency has a median and a tail', async () => {
  const session = await load(exact);
  const { feeds } = syntheticFeeds(session.inputs, { batch: 4 });
  const latency = await measureLatency(session, feeds, { batch: 4, runs: 20 });
  expect(latency).toMatchObject({ batch: 4, runs: 20 });
  expect(latency.medianMs).toBeGreaterThan(0);
  expect(latency.p95Ms).toBeGreaterThanOrEqual(latency.medianMs);
});
