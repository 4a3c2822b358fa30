import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import {
  assetModel,
  difference,
  outputDifference,
  runModel,
  runnableModels,
} from '../../../test/asset-models.ts';
import { float32, seededRandom } from '../../tensor/index.ts';
import type { AttributeLike } from '../attribute.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import { floatAttribute } from '../node.ts';
import { tensorInfo } from '../value.ts';
import { weightOf } from '../weight.ts';
import { equalize } from './equalize.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { layerPairs } from './layer-pair.ts';
import { eachWeight, linearLayer, loadLayerWeight } from './linear-layer.ts';

/** Equal functions up to float rounding over a dozen layers. */
const equal = 1e-4;

/** A graph from x [2, 8, 9, 9], one step after the other; weights with channels of very different ranges. */
class Chain {
  readonly graph = new Graph();
  readonly #random = seededRandom(7);
  #value = 'x';
  #count = 0;

  constructor(shape: readonly number[] = [2, 8, 9, 9]) {
    this.graph.inputs = [tensorInfo('x', 'float32', shape)];
  }

  weight(dims: readonly number[], uneven = true): string {
    const length = dims.reduce((a, b) => a * b, 1);
    const row = length / dims[0]!;
    const data = Array.from({ length }, (_, i) => {
      const range = uneven ? 10 ** ((((Math.floor(i / row) * 7) % 5) - 2) / 2) : 1;
      return (2 * this.#random() - 1) * range;
    });
    return this.graph.addConstant(`w${this.#count++}`, weightOf(float32(dims, data)));
  }

  next(op: string, constants: readonly string[] = [], attributes: Record<string, AttributeLike> = {}): this {
    const output = `${op}_${this.#count++}`;
    this.graph.add({ op, name: output, inputs: [this.#value, ...constants], outputs: [output], attributes });
    this.#value = output;
    return this;
  }

  model(opset = 17): Model {
    this.graph.outputs = [tensorInfo(this.#value, 'float32')];
    const model = new Model(this.graph);
    model.irVersion = 8;
    model.opsets.set('', opset);
    return model;
  }
}

const x = (shape: readonly number[]) => {
  const random = seededRandom(3);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * random() - 1);
  return { x: new ort.Tensor('float32', data, [...shape]) };
};

async function lossOf(before: Model, after: Model, shape: readonly number[]): Promise<number> {
  const [wanted] = Object.values(await runModel(before, x(shape)));
  const [got] = Object.values(await runModel(after, x(shape)));
  return difference(got!, wanted!);
}

/** How uneven the channels of each pair are: largest ratio of range in the first to range in the second. */
async function unevenness({ graph }: Model): Promise<number> {
  let worst = 1;
  for (const { first, second } of await layerPairs(graph)) {
    const [w1, w2] = [await loadLayerWeight(graph, first), await loadLayerWeight(graph, second)];
    const [r1, r2] = [new Float64Array(first.outChannels), new Float64Array(first.outChannels)];
    eachWeight(first.layout, (at, out) => {
      r1[out] = Math.max(r1[out]!, Math.abs(w1[at]!));
    });
    eachWeight(second.layout, (at, _, input) => {
      r2[input] = Math.max(r2[input]!, Math.abs(w2[at]!));
    });
    for (const [i, r] of r1.entries()) worst = Math.max(worst, r / r2[i]!, r2[i]! / r);
  }
  return worst;
}

const image = [2, 8, 9, 9];
const conv = (c: Chain, activation: (c: Chain) => Chain) =>
  activation(
    activation(c.next('Conv', [c.weight([12, 8, 3, 3]), c.weight([12])], { pads: [1, 1, 1, 1] })).next(
      'Conv',
      [c.weight([12, 1, 3, 3]), c.weight([12])],
      { group: 12, pads: [1, 1, 1, 1] },
    ),
  ).next('Conv', [c.weight([6, 12, 1, 1])]);

const activations: Record<string, (c: Chain) => Chain> = {
  nothing: (c) => c,
  Relu: (c) => c.next('Relu'),
  LeakyRelu: (c) => c.next('LeakyRelu', [], { alpha: floatAttribute(0.2) }),
  PRelu: (c) => c.next('PRelu', [c.weight([12, 1, 1])]),
  'Relu and MaxPool': (c) => c.next('Relu').next('MaxPool', [], { kernel_shape: [2, 2], pads: [1, 1, 0, 0] }),
  'AveragePool over padding': (c) => c.next('AveragePool', [], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
};

describe('equal functions, even channels', () => {
  test.each(Object.keys(activations))('Conv, depthwise Conv, Conv with %s between', async (name) => {
    const model = conv(new Chain(), activations[name]!).model();
    const before = model.clone();
    expect(await unevenness(model)).toBeGreaterThan(50);
    const { changes, scales } = await equalize(model);
    expect(changes).toBe(3);
    expect(await unevenness(model)).toBeLessThan(1.05);
    expect(await lossOf(before, model, image)).toBeLessThan(equal);
    expect(scales.get('Conv_2')!.length).toBe(12);
  });

  test('grouped Conv and grouped ConvTranspose', async () => {
    const c = new Chain();
    c.next('Conv', [c.weight([12, 4, 3, 3]), c.weight([12])], { group: 2 }).next('Relu');
    c.next('ConvTranspose', [c.weight([12, 2, 2, 2]), c.weight([6])], { group: 3, strides: [2, 2] }).next(
      'Relu',
    );
    c.next('Conv', [c.weight([4, 3, 3, 3])], { group: 2 });
    const model = c.model();
    const before = model.clone();
    expect((await equalize(model)).changes).toBe(3);
    expect(await unevenness(model)).toBeLessThan(1.05);
    expect(await lossOf(before, model, image)).toBeLessThan(equal);
  });

  test.each([0, 1])('Gemm with transB=%s, MatMul with and without Add', async (transB) => {
    const c = new Chain([2, 8]);
    const side = (a: number, b: number) => (transB ? [b, a] : [a, b]);
    c.next('Gemm', [c.weight(side(8, 10)), c.weight([10])], { transB }).next('Relu');
    c.next('MatMul', [c.weight([10, 12])])
      .next('Add', [c.weight([12])])
      .next('LeakyRelu');
    c.next('MatMul', [c.weight([12, 6])]);
    const model = c.model();
    const before = model.clone();
    expect((await equalize(model)).changes).toBe(3);
    expect(await unevenness(model)).toBeLessThan(1.05);
    expect(await lossOf(before, model, [2, 8])).toBeLessThan(equal);
  });
});

describe('a Clip does not commute with a factor', () => {
  const clip =
    (opset: number, upper = 0.5) =>
    (c: Chain) => {
      if (opset < 11) return c.next('Clip', [], { min: floatAttribute(0), max: floatAttribute(upper) });
      const bound = (v: number) => c.graph.addConstant('bound', weightOf(float32([], [v])));
      return c.next('Clip', [bound(0), bound(upper)]);
    };

  test.each([10, 17])('exact: bounds per channel, at opset %s', async (opset) => {
    const model = conv(new Chain(), clip(opset)).model(opset);
    const before = model.clone();
    expect((await equalize(model, { clip: 'exact' })).changes).toBe(3);
    expect(await unevenness(model)).toBeLessThan(1.05);
    expect([...model.graph.nodes].map((n) => n.op).sort()).toEqual([
      'Conv',
      'Conv',
      'Conv',
      'Min',
      'Min',
      'Relu',
      'Relu',
    ]);
    expect(await lossOf(before, model, image)).toBeLessThan(equal);
  });

  test('measured: channels that reach the bound keep their factor, the others stay below it', async () => {
    const upper = 3;
    const model = conv(new Chain(), clip(17, upper)).model();
    const before = model.clone();
    const clips = [...model.graph.nodes].filter((n) => n.op === 'Clip').map((n) => n.inputs[0]!);
    const maxima = new Map<string, Float32Array>();
    const tapped = model.clone();
    tapped.graph.outputs = clips.map((name) => ({ name, type: undefined }));
    for (const [name, { data, dims }] of Object.entries(await runModel(tapped, x(image)))) {
      const largest = new Float32Array(dims[1]!).fill(-1);
      const plane = dims[2]! * dims[3]!;
      (data as Float32Array).forEach((v, i) => {
        const channel = Math.floor(i / plane) % dims[1]!;
        largest[channel] = Math.max(largest[channel]!, v);
      });
      maxima.set(name, largest);
    }
    const { changes, scales } = await equalize(model, { maxima });
    expect(changes).toBeGreaterThan(0);
    expect([...model.graph.nodes].filter((n) => n.op === 'Clip').length).toBe(2);
    const first = scales.get(clips[0]!)!;
    const pinned = [...maxima.get(clips[0]!)!].map((m) => m * 1.1 >= upper);
    expect(pinned).toContain(true);
    expect(pinned).toContain(false);
    pinned.forEach((p, i) => {
      if (p) expect(first[i]).toBe(1);
    });
    expect(await unevenness(model)).toBeLessThan(await unevenness(before));
    expect(await lossOf(before, model, image)).toBeLessThan(equal);
  });

  test('leave: nothing happens, and the result says so', async () => {
    const model = conv(new Chain(), clip(17)).model();
    const { changes, notes } = await equalize(model, { clip: 'leave' });
    expect(changes).toBe(0);
    expect(notes).toEqual(['2 pairs of layers around a Clip were not equalized']);
  });

  test('Clip without an upper bound is a Relu', async () => {
    const c = new Chain();
    const zero = c.graph.addConstant('zero', weightOf(float32([], [0])));
    const model = conv(c, (chain) => chain.next('Clip', [zero])).model();
    const before = model.clone();
    expect((await equalize(model, { clip: 'leave' })).changes).toBe(3);
    expect(await lossOf(before, model, image)).toBeLessThan(equal);
  });
});

describe('what is not crossed', () => {
  test('branches, graph outputs, unequal functions, shared weights', async () => {
    const c = new Chain();
    c.next('Conv', [c.weight([8, 8, 1, 1])])
      .next('Sigmoid')
      .next('Conv', [c.weight([8, 8, 1, 1])]);
    expect(await layerPairs(c.model().graph)).toEqual([]);

    const branch = new Chain();
    branch.next('Conv', [branch.weight([8, 8, 1, 1])]).next('Conv', [branch.weight([8, 8, 1, 1])]);
    const { graph } = branch.model();
    const [first] = graph.topologicalOrder();
    expect((await layerPairs(graph)).length).toBe(1);
    const end = graph.outputs[0]!.name;
    graph.add({ op: 'Add', inputs: [end, first!.outputs[0]!], outputs: ['sum'] });
    graph.outputs = [tensorInfo('sum', 'float32')];
    expect(await layerPairs(graph)).toEqual([]);

    const output = new Chain();
    output.next('Conv', [output.weight([8, 8, 1, 1])]);
    const middle = output.model().graph.outputs[0]!;
    output.next('Conv', [output.weight([8, 8, 1, 1])]);
    const seen = output.model().graph;
    seen.outputs = [...seen.outputs, middle];
    expect(await layerPairs(seen)).toEqual([]);

    const shared = new Chain();
    const w = shared.weight([8, 8, 1, 1]);
    shared.next('Conv', [w]).next('Conv', [w]);
    expect(await layerPairs(shared.model().graph)).toEqual([]);
    expect(linearLayer(shared.graph, [...shared.graph.nodes][0]!)).toBeUndefined();
  });

  test('dead channels keep their numbers', async () => {
    const c = new Chain();
    const w = c.weight([8, 8, 1, 1]);
    const data = (await loadLayerWeight(c.graph, { weight: w } as never)).map((v, i) => (i < 8 ? 0 : v));
    c.graph.initializers.set(w, weightOf(float32([8, 8, 1, 1], data)));
    const model = c
      .next('Conv', [w, c.weight([8])])
      .next('Relu')
      .next('Conv', [c.weight([8, 8, 1, 1])])
      .model();
    const before = model.clone();
    const { scales } = await equalize(model);
    expect([...scales.values()][0]![0]).toBe(1);
    expect(await lossOf(before, model, image)).toBeLessThan(equal);
  });
});

const real = [
  'glyphs/glyphs.onnx',
  'mobilenetv2-cifar10/model.onnx',
  'resnet18s-cifar10/model.onnx',
  'resnet20-cifar/resnet20.onnx',
];
describe.skipIf(runnableModels.length === 0)('real networks (skipped without LOWBIT_ASSETS)', () => {
  test.each(real.filter((name) => runnableModels.includes(name)))('%s computes the same', async (name) => {
    const model = await assetModel(name);
    await foldBatchNorm(model);
    const before = model.clone();
    const { changes } = await equalize(model, { clip: 'exact' });
    expect(changes).toBeGreaterThan(8);
    expect(await unevenness(model)).toBeLessThan(Math.max(1.1, (await unevenness(before)) / 10));
    expect(await outputDifference(name, before, model)).toBeLessThan(equal);
  });
});
