import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { float32, seededRandom } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import { tensorInfo } from '../value.ts';
import { loadWeight, weightOf } from '../weight.ts';
import { absorbHighBias } from './absorb-bias.ts';
import { correctBias } from './correct-bias.ts';

/** x [8, 3, 6, 6] -> Conv (big biases) -> Relu -> Conv. */
function convReluConv(pads: number[], kernel = 3): Model {
  const random = seededRandom(5);
  const graph = new Graph();
  const weight = (name: string, dims: number[], offset = 0) => {
    const data = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 2 * random() - 1 + offset);
    graph.initializers.set(name, weightOf(float32(dims, data)));
    return name;
  };
  graph.inputs = [tensorInfo('x', 'float32', [8, 3, 6, 6])];
  graph.add({
    op: 'Conv',
    name: 'first',
    inputs: ['x', weight('w1', [4, 3, 1, 1]), weight('b1', [4], 10)],
    outputs: ['y'],
  });
  graph.add({ op: 'Relu', inputs: ['y'], outputs: ['r'] });
  graph.add({
    op: 'Conv',
    name: 'second',
    inputs: ['r', weight('w2', [5, 4, kernel, kernel])],
    outputs: ['z'],
    attributes: { pads },
  });
  graph.outputs = [tensorInfo('z', 'float32')];
  const model = new Model(graph);
  model.irVersion = 8;
  model.opsets.set('', 17);
  return model;
}

function feed(): Record<string, ort.Tensor> {
  const random = seededRandom(9);
  const data = Float32Array.from({ length: 8 * 108 }, () => 2 * random() - 1);
  return { x: new ort.Tensor('float32', data, [8, 3, 6, 6]) };
}

/** Mean and std per channel of a value [N, C, ...]. */
async function momentsOf(model: Model, value: string) {
  const tapped = model.clone();
  tapped.graph.outputs = [{ name: value, type: undefined }];
  const { data, dims } = (await runModel(tapped, feed()))[value]!;
  const [channels = 1, plane] = [dims[1], (dims[2] ?? 1) * (dims[3] ?? 1)];
  const own = Array.from({ length: channels }, (_, c) =>
    [...(data as Float32Array)].filter((_, i) => Math.floor(i / plane) % channels === c),
  );
  const mean = own.map((v) => v.reduce((a, b) => a + b, 0) / v.length);
  const std = own.map((v, c) => Math.sqrt(v.reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / v.length));
  return { mean: Float32Array.from(mean), std: Float32Array.from(std) };
}

const outputOf = async (model: Model) =>
  Float32Array.from((await runModel(model, feed())).z!.data as Float32Array);
const numbers = async (model: Model, name: string) =>
  (await loadWeight(model.graph.constant(name)!)).data as Float32Array;

test('a high bias moves into the next layer and the function stays', async () => {
  const model = convReluConv([0, 0, 0, 0]);
  const [before, wanted] = [await numbers(model, 'b1'), await outputOf(model)];
  const moments = new Map([['y', await momentsOf(model, 'y')]]);
  expect(await absorbHighBias(model, { moments })).toEqual({ changes: 1, notes: [] });
  const after = await numbers(model, 'b1');
  const { mean, std } = moments.get('y')!;
  for (let c = 0; c < 4; c++) {
    expect(before[c]! - after[c]!).toBeCloseTo(mean[c]! - 3 * std[c]!, 4);
    expect(before[c]! - after[c]!).toBeGreaterThan(2);
  }
  const got = await outputOf(model);
  // Uniform inputs do not reach 3 standard deviations below their mean, so that Relu cuts nothing.
  for (let i = 0; i < got.length; i++) expect(got[i]).toBeCloseTo(wanted[i]!, 3);
});

test('it stays where the next layer pads, where nothing is high, and where nothing is known', async () => {
  const padded = convReluConv([1, 1, 1, 1]);
  const moments = new Map([['y', await momentsOf(padded, 'y')]]);
  expect(await absorbHighBias(padded, { moments })).toEqual({
    changes: 0,
    notes: ['1 high biases were left where the next layer pads its input'],
  });
  expect(await absorbHighBias(padded, { moments: new Map() })).toEqual({ changes: 0, notes: [] });
  const low = new Map([['y', { mean: new Float32Array(4), std: new Float32Array(4).fill(1) }]]);
  expect(await absorbHighBias(convReluConv([0, 0, 0, 0]), { moments: low })).toEqual({
    changes: 0,
    notes: [],
  });
});

test('analytic correction takes back the mean error of rounded weights', async () => {
  const model = convReluConv([0, 0, 0, 0], 1);
  const wanted = await momentsOf(model, 'z');
  const inputs = { x: await momentsOf(model, 'x'), r: await momentsOf(model, 'r') };
  const means = new Map(Object.entries(inputs).map(([name, { mean }]) => [name, mean]));
  // Truncating always errs to one side: the worst case for a mean.
  const truncated = async (name: string) => (await numbers(model, name)).map((w) => Math.floor(w * 8) / 8);

  const rounded = async (source: Model) => {
    const copy = source.clone();
    for (const name of ['w1', 'w2']) {
      const { dims } = copy.graph.constant(name)!;
      copy.graph.initializers.set(name, weightOf(float32(dims, await truncated(name))));
    }
    return momentsOf(copy, 'z');
  };
  const worst = ({ mean }: { mean: Float32Array }) =>
    Math.max(...mean.map((m, c) => Math.abs(m - wanted.mean[c]!)));
  const without = worst(await rounded(model));
  const corrected = model.clone();
  expect(await correctBias(corrected, { means, quantized: truncated })).toEqual({ changes: 2, notes: [] });
  expect((await numbers(corrected, 'w2_bias')).length).toBe(5);
  expect(without).toBeGreaterThan(1);
  expect(worst(await rounded(corrected))).toBeLessThan(without / 1000);
});

test('layers that stay float, or whose input was not measured, keep their biases', async () => {
  const model = convReluConv([0, 0, 0, 0]);
  const means = new Map([['x', new Float32Array(3).fill(1)]]);
  expect((await correctBias(model, { means, quantized: async () => undefined })).changes).toBe(0);
  const quantized = (name: string) => numbers(model, name);
  expect((await correctBias(model, { means: new Map(), quantized })).changes).toBe(0);
  const before = await numbers(model, 'b1');
  expect((await correctBias(model, { means, quantized })).changes).toBe(1); // exact weights: a shift of zero
  expect(await numbers(model, 'b1')).toEqual(before);
});
