import { existsSync } from 'node:fs';
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { assetModel, assets, difference, outputDifference, runModel } from '../../../test/asset-models.ts';
import { randomTensor } from '../../../test/one-node.ts';
import { float32, type Tensor } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import type { NodeInit } from '../node.ts';
import { tensorInfo } from '../value.ts';
import { loadWeight, type Weight, weightOf } from '../weight.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';

/** One rounding of each weight and bias to float32. */
const tolerance = 1e-5;

const models = [
  'glyphs/glyphs.onnx',
  'mobilenetv2-cifar10/model.onnx',
  'resnet18s-cifar10/model.onnx',
  'resnet20-cifar/resnet20.onnx',
];

test.skipIf(!existsSync(assets)).each(models)('%s (skipped without LOWBIT_ASSETS)', async (name) => {
  const before = await assetModel(name);
  const after = before.clone();
  await foldBatchNorm(after);
  expect([...after.graph.nodes].map((n) => n.kind)).not.toContain('BatchNormalization');
  expect(await outputDifference(name, before, after)).toBeLessThan(tolerance);
});

/** A chain from `x` to `y`; constants by name, outputs named after their position unless given. */
function chain(
  input: readonly number[],
  constants: Record<string, Tensor<'float32'>>,
  ...nodes: (Omit<NodeInit, 'outputs'> & { outputs?: readonly string[] })[]
): Model {
  const graph = new Graph();
  graph.inputs.push(tensorInfo('x', 'float32', input));
  for (const [name, t] of Object.entries(constants)) graph.initializers.set(name, weightOf(t));
  nodes.forEach((node, i) => {
    graph.add({ ...node, outputs: node.outputs ?? [i === nodes.length - 1 ? 'y' : `v${i}`] });
  });
  graph.outputs.push({ name: 'y', type: undefined });
  const model = new Model(graph);
  model.opsets.set('', 13);
  model.irVersion = 8;
  return model;
}

const statistics = (channels: number) => ({
  gamma: randomTensor(11, channels),
  beta: randomTensor(12, channels),
  mean: randomTensor(13, channels),
  variance: float32([channels], randomTensor(14, channels).data.map(Math.abs)),
});

const norm = (input: string) => ({
  op: 'BatchNormalization',
  inputs: [input, 'gamma', 'beta', 'mean', 'variance'],
  attributes: { epsilon: 0.001 },
});

/** Folds and compares; gives the kinds of node that are left. */
async function folded(model: Model, options = {}): Promise<string[]> {
  const { type } = model.graph.inputs[0]!;
  const dims = type?.kind === 'tensor' ? (type.shape as number[]) : [];
  const feeds = { x: new OrtTensor('float32', randomTensor(1, ...dims).data, dims) };
  const wanted = await runModel(model, feeds);
  await foldBatchNorm(model, options);
  const got = await runModel(model, feeds);
  for (const [name, value] of Object.entries(wanted))
    expect(difference(got[name]!, value)).toBeLessThan(tolerance);
  return [...model.graph.nodes].map((n) => n.kind);
}

const picture = [2, 4, 6, 6];
const conv = { op: 'Conv', inputs: ['x', 'w'] };

describe('into the node before', () => {
  test('Conv with and without bias, grouped', async () => {
    const [w, b] = [randomTensor(2, 6, 2, 3, 3), randomTensor(3, 6)];
    const grouped = { ...conv, attributes: { group: 2, pads: [1, 1, 1, 1] } };
    expect(await folded(chain(picture, { w, ...statistics(6) }, grouped, norm('v0')))).toEqual(['Conv']);
    const biased = { ...grouped, inputs: ['x', 'w', 'b'] };
    expect(await folded(chain(picture, { w, b, ...statistics(6) }, biased, norm('v0')))).toEqual(['Conv']);
  });

  test('ConvTranspose, grouped', async () => {
    const up = { op: 'ConvTranspose', inputs: ['x', 'w'], attributes: { group: 2, strides: [2, 2] } };
    const w = randomTensor(2, 4, 3, 3, 3);
    expect(await folded(chain(picture, { w, ...statistics(6) }, up, norm('v0')))).toEqual(['ConvTranspose']);
  });

  test('Gemm either way round, with alpha, beta and a scalar bias', async () => {
    for (const [transB, w] of [
      [0, randomTensor(2, 5, 3)],
      [1, randomTensor(2, 3, 5)],
    ] as const) {
      const attributes = {
        transB,
        alpha: { type: 'float', value: 2 },
        beta: { type: 'float', value: 0.5 },
      } as const;
      for (const b of [randomTensor(3, 3), randomTensor(3, 1, 3), randomTensor(3, 1)]) {
        const gemm = { op: 'Gemm', inputs: ['x', 'w', 'b'], attributes };
        expect(await folded(chain([4, 5], { w, b, ...statistics(3) }, gemm, norm('v0')))).toEqual(['Gemm']);
      }
    }
  });

  test('MatMul of matrices becomes Gemm, its added constant with it', async () => {
    const matmul = { op: 'MatMul', inputs: ['x', 'w'] };
    const [w, b] = [randomTensor(2, 5, 3), randomTensor(3, 3)];
    expect(await folded(chain([4, 5], { w, ...statistics(3) }, matmul, norm('v0')))).toEqual(['Gemm']);
    for (const inputs of [
      ['v0', 'b'],
      ['b', 'v0'],
    ]) {
      const add = { op: 'Add', inputs };
      expect(await folded(chain([4, 5], { w, b, ...statistics(3) }, matmul, add, norm('v1')))).toEqual([
        'Gemm',
      ]);
    }
  });

  test('MatMul of more axes stays: the channel is another axis', async () => {
    const matmul = { op: 'MatMul', inputs: ['x', 'w'] };
    const w = randomTensor(2, 5, 3);
    expect(await folded(chain([4, 3, 5], { w, ...statistics(3) }, matmul, norm('v0')))).toEqual([
      'MatMul',
      'BatchNormalization',
    ]);
  });
});

describe('into the node after', () => {
  const after = { op: 'Conv', inputs: ['v0', 'w'] };

  test('Conv without padding, grouped', async () => {
    const w = randomTensor(2, 6, 2, 3, 3);
    const grouped = { ...after, attributes: { group: 2 } };
    expect(await folded(chain(picture, { w, ...statistics(4) }, norm('x'), grouped))).toEqual(['Conv']);
  });

  test('Conv with padding stays, as the border would move', async () => {
    const padded = { ...after, attributes: { pads: [1, 1, 1, 1] } };
    const w = randomTensor(2, 6, 4, 3, 3);
    expect(await folded(chain(picture, { w, ...statistics(4) }, norm('x'), padded))).toEqual([
      'BatchNormalization',
      'Conv',
    ]);
  });

  test('Gemm with bias, MatMul', async () => {
    const [w, b] = [randomTensor(2, 3, 5), randomTensor(3, 3)];
    const gemm = { op: 'Gemm', inputs: ['v0', 'w', 'b'], attributes: { transB: 1 } };
    expect(await folded(chain([4, 5], { w, b, ...statistics(5) }, norm('x'), gemm))).toEqual(['Gemm']);
    const matmul = { op: 'MatMul', inputs: ['v0', 'm'] };
    const m = randomTensor(2, 5, 3);
    expect(await folded(chain([4, 5], { m, ...statistics(5) }, norm('x'), matmul))).toEqual(['Gemm']);
  });
});

describe('sharing', () => {
  const w = randomTensor(2, 4, 4, 1, 1);

  test('a Conv that somebody else reads stays', async () => {
    const model = chain(picture, { w, ...statistics(4) }, conv, norm('v0'), {
      op: 'Add',
      inputs: ['v0', 'v1'],
    });
    expect(await folded(model)).toEqual(['Conv', 'BatchNormalization', 'Add']);
    const output = chain(picture, { w, ...statistics(4) }, conv, norm('v0'));
    output.graph.outputs.push({ name: 'v0', type: undefined });
    expect(await folded(output)).toEqual(['Conv', 'BatchNormalization']);
  });

  test('a weight of two Convs is copied', async () => {
    const model = chain(picture, { w, ...statistics(4) }, conv, norm('v0'), {
      op: 'Conv',
      inputs: ['v1', 'w'],
    });
    expect(await folded(model)).toEqual(['Conv', 'Conv']);
    const original = await loadWeight(model.graph.initializers.get('w') as Weight);
    expect(original.data).toEqual(w.data);
    expect([...model.graph.initializers.keys()]).toContain('w_folded');
  });
});

describe('training mode', () => {
  const w = randomTensor(2, 4, 4, 1, 1);

  test('ends where its outputs are not used', async () => {
    const outputs = ['y', 'm', 'v', 'sm', 'sv'];
    const model = chain(picture, { w, ...statistics(4) }, conv, { ...norm('v0'), outputs });
    await foldBatchNorm(model);
    expect([...model.graph.nodes].map((n) => n.kind)).toEqual(['Conv']);

    const newer = chain(picture, statistics(4), {
      ...norm('x'),
      name: 'bn',
      outputs: ['y', 'm', 'v'],
      attributes: { training_mode: 1 },
    });
    newer.opsets.set('', 15);
    const { notes } = await foldBatchNorm(newer);
    const [left] = newer.graph.nodes;
    expect([left!.outputs, left!.attributes.has('training_mode')]).toEqual([['y'], false]);
    expect(notes).toEqual([
      "BatchNormalization 'bn' was exported in training mode; it runs as inference now.",
    ]);
  });

  test('stays where its outputs are used', async () => {
    const model = chain(picture, { w, ...statistics(4) }, conv, { ...norm('v0'), outputs: ['y', 'm', 'v'] });
    model.graph.outputs.push({ name: 'm', type: undefined });
    expect((await foldBatchNorm(model)).changes).toBe(0);
  });
});

test('constants after a linear node, when asked for', async () => {
  const [w, s, t] = [randomTensor(2, 3, 4, 3, 3), randomTensor(3, 3, 1, 1), randomTensor(4, 1, 3, 1, 1)];
  const nodes = [
    conv,
    { op: 'Mul', inputs: ['v0', 's'] },
    { op: 'Sub', inputs: ['t', 'v1'] },
    { op: 'Div', inputs: ['v2', 'h'] },
    { op: 'Add', inputs: ['h', 'v3'] },
  ];
  const build = () => chain(picture, { w, s, t, h: float32([], [0.5]) }, ...nodes);
  expect(await folded(build(), { constants: true })).toEqual(['Conv']);
  expect((await foldBatchNorm(build())).changes).toBe(0);
  // One number per column is no number per channel.
  const columns = chain([2, 4, 5, 5], { w, s: randomTensor(3, 3) }, conv, { op: 'Mul', inputs: ['v0', 's'] });
  expect(await folded(columns, { constants: true })).toEqual(['Conv', 'Mul']);
});
