import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arrayDataset, type Dataset } from '../data/index.ts';
import { type AttributeLike, Graph, Model, tensorInfo, weightOf } from '../graph/index.ts';
import { createRuntime, type Runtime } from '../runtime/index.ts';
import { float32, type LowbitError } from '../tensor/index.ts';
import { calibrate, planRuns, ranges } from './calibrate.ts';
import { measureChannels } from './channel-statistics.ts';
import { type ObserverName, observers } from './observers.ts';
import { random } from './random-values.test-data.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime('native', { threads: 1 });
});
afterAll(() => runtime.close());

/** x [N, 3, 4, 5] through nodes with one input each. */
function modelOf(
  opset: number,
  batch: number | string,
  ...ops: [string, Record<string, AttributeLike>?][]
): Model {
  const graph = new Graph('g');
  graph.inputs = [tensorInfo('x', 'float32', [batch, 3, 4, 5])];
  let value = 'x';
  for (const [op, attributes] of ops) {
    const output = `${op.toLowerCase()}.out`;
    graph.add({ op, name: op.toLowerCase(), inputs: [value], outputs: [output], attributes });
    value = output;
  }
  graph.outputs = [tensorInfo(value, 'float32')];
  const model = new Model(graph);
  model.irVersion = 8;
  model.opsets.set('', opset);
  return model;
}

const samples = 50;
const pixels = random('normal', samples * 60, 31);
const data = (values = pixels): Dataset =>
  arrayDataset({ inputs: { x: float32([values.length / 60, 3, 4, 5], values) } });
const asymmetric = { levels: 256, symmetric: false };

const textOf = (run: Promise<unknown>) =>
  run.then(
    () => 'no error',
    (e: LowbitError) => `${e.code}: ${e.message}`,
  );

describe.each(Object.keys(observers) as ObserverName[])('%s', (observer) => {
  test.each([13, 17, 18, 21])('sees what the graph computes, at opset %s', async (opset) => {
    const model = modelOf(opset, 'batch', ['Relu'], ['Exp']);
    const values = ['x', 'relu.out', 'exp.out'];
    const seen = await calibrate({ model, values, dataset: data(), runtime, observer, batchSize: 7 });
    const wanted = new Map(
      [pixels, pixels.map((v) => Math.max(v, 0)), pixels.map((v) => Math.exp(Math.max(v, 0)))].map((v, i) => {
        const own = observers[observer].create();
        for (let at = 0; at < v.length; at += 420) {
          const batch = v.subarray(at, at + 420);
          const extremes = Float32Array.of(Math.min(...batch), Math.max(...batch));
          own.update(own.needs === 'extremes' ? extremes : batch);
        }
        return [values[i]!, own];
      }),
    );
    const got = ranges(seen, asymmetric);
    for (const [value, range] of ranges(wanted, asymmetric)) {
      expect(got.get(value)!.min).toBeCloseTo(range.min, 4);
      expect(got.get(value)!.max).toBeCloseTo(range.max, 4);
    }
  });

  test('names a value that is not finite, and the node that made it', async () => {
    const model = modelOf(17, 'batch', ['Relu'], ['Log'], ['Exp']);
    const values = ['relu.out', 'log.out', 'exp.out'];
    const run = () => calibrate({ model, values, dataset: data(), runtime, observer, batchSize: 4 });
    expect(await textOf(run())).toMatch(
      "Value 'log.out', made by Log 'log', is -Infinity on the calibration data",
    );
    const nan = modelOf(17, 'batch', ['Sqrt'], ['Relu']);
    const one = pixels.map((v, i) => (i === 1234 ? -1 : Math.abs(v)));
    expect(
      await textOf(calibrate({ model: nan, values: ['sqrt.out'], dataset: data(one), runtime, observer })),
    ).toMatch("Value 'sqrt.out', made by Sqrt 'sqrt', is NaN on the calibration data");
  });

  test('takes only whole batches where the batch is a fixed number, and says when there is none', async () => {
    const model = modelOf(17, 8, ['Relu']);
    const progress: number[] = [];
    const options = {
      model,
      values: ['relu.out'],
      runtime,
      observer,
      onProgress: (p: { done: number }) => progress.push(p.done),
    };
    await calibrate({ ...options, dataset: data() });
    expect(progress.at(-1)).toBe(48);
    expect(await textOf(calibrate({ ...options, dataset: data(pixels.subarray(0, 300)) }))).toMatch(
      /^calibration\/no-samples/,
    );
  });

  test('a value that is always empty has no range', async () => {
    const model = modelOf(17, 'batch', ['Relu']);
    const bound = (name: string, v: number) => {
      model.graph.initializers.set(
        name,
        weightOf({ dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(v)) }),
      );
      return name;
    };
    const inputs = ['relu.out', bound('start', 0), bound('end', 0), bound('axis', 1)];
    model.graph.add({ op: 'Slice', inputs, outputs: ['nothing'] });
    const seen = await calibrate({
      model,
      values: ['relu.out', 'nothing'],
      dataset: data(),
      runtime,
      observer,
    });
    expect(seen.get('relu.out')!.range(asymmetric).max).toBeGreaterThan(2);
    expect(() => seen.get('nothing')!.range(asymmetric)).toThrow(
      "Value 'nothing' was never seen while calibrating",
    );
  });
});

describe('bad input', () => {
  test('unknown values, no samples, wrong shapes, unknown observers, an abort', async () => {
    const model = modelOf(17, 'batch', ['Relu']);
    const options = { model, values: ['relu.out'], dataset: data(), runtime };
    const aborted = AbortSignal.abort();
    const wide = arrayDataset({ inputs: { x: float32([2, 3, 5, 5], new Float32Array(150)) } });
    expect([
      await textOf(calibrate({ ...options, values: ['relu.out', 'no such'] })),
      await textOf(calibrate({ ...options, samples: 0 })),
      await textOf(calibrate({ ...options, dataset: { ...data(), size: 0 } })),
      await textOf(calibrate({ ...options, dataset: wide })),
      await textOf(calibrate({ ...options, observer: 'median' as never })),
      await textOf(calibrate({ ...options, signal: aborted })),
      await textOf(measureChannels({ ...options, values: [{ value: 'y', channels: 3, axis: 1, rank: 4 }] })),
    ]).toMatchInlineSnapshot(`
      [
        "calibration/unknown-value: Value 'no such' is not in the main graph of the model, so it cannot be calibrated. Name an input or an output of a node outside subgraphs.",
        "calibration/no-samples: Dataset 'arrays in memory' has no samples to calibrate with. Static quantization needs at least one; give data, or choose a dynamic or weight-only preset.",
        "calibration/no-samples: Dataset 'arrays in memory' has no samples to calibrate with. Static quantization needs at least one; give data, or choose a dynamic or weight-only preset.",
        "runtime/input-mismatch: Input 'x' of the model with taps got float32 [2, 3, 5, 5], wanted float32 [batch, 3, 4, 5]. Check the names, types and layout of the data against the model's inputs.",
        "name/unknown: Unknown observer 'median'. Known: min-max, moving-average, percentile, entropy, mse, octav.",
        "run/aborted: The run was interrupted. Nothing was written under the final name.",
        "calibration/unknown-value: Value 'y' is not in the main graph of the model, so it cannot be calibrated. Name an input or an output of a node outside subgraphs.",
      ]
    `);
  });
});

test('channel statistics, along a fixed axis and along the last one', async () => {
  for (const opset of [13, 18]) {
    const model = modelOf(opset, 'batch', ['Relu'], ['Transpose', { perm: [0, 2, 3, 1] }]);
    const got = await measureChannels({
      model,
      dataset: data(),
      runtime,
      batchSize: 8,
      values: [
        { value: 'relu.out', channels: 3, axis: 1, rank: 4 },
        { value: 'transpose.out', channels: 3, axis: -1, rank: undefined },
      ],
    });
    for (let c = 0; c < 3; c++) {
      const own = [...pixels].filter((_, i) => Math.floor(i / 20) % 3 === c).map((v) => Math.max(v, 0));
      const mean = own.reduce((a, b) => a + b) / own.length;
      const std = Math.sqrt(own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length);
      for (const value of ['relu.out', 'transpose.out']) {
        const s = got.get(value)!;
        expect(s.mean[c]).toBeCloseTo(mean, 5);
        expect(s.std[c]).toBeCloseTo(std, 5);
        expect(s.min[c]).toBe(0);
        expect(s.max[c]).toBe(Math.max(...own));
      }
    }
  }
});

test('runs are split so that what comes out of one stays small', () => {
  const MB = 2 ** 20;
  const sizes = new Map([
    ['a', 3 * MB],
    ['b', 3 * MB],
    ['c', 3 * MB],
    ['d', 100 * MB],
    ['e', MB],
  ]);
  expect(planRuns(sizes, undefined, 16)).toEqual({ batchSize: 1, groups: [['a', 'b'], ['c'], ['d'], ['e']] });
  expect(planRuns(new Map([['a', MB]]), undefined, 16).batchSize).toBe(8);
  expect(planRuns(new Map([['a', 10]]), undefined, 16)).toEqual({ batchSize: 16, groups: [['a']] });
  expect(planRuns(sizes, 2, 16).batchSize).toBe(2);
});
