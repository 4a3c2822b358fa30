import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { kernelsOf, reals, sqnrDb } from '../../../test/lowering-harness.ts';
import { feedsOf, type OneNode, oneNode, randomTensor } from '../../../test/one-node.ts';
import { float32, int64, tensor } from '../../tensor/index.ts';
import { Graph, Model, tensorInfo, type Weight, weightOf } from '../index.ts';
import { type Float16Options, lowerFloat16 } from './float16.ts';

async function lowered(node: OneNode, inputs: Parameters<typeof oneNode>[1][], options: Float16Options = {}) {
  const model = oneNode(node, ...inputs);
  const feeds = feedsOf(node, ...inputs);
  const wanted = await runModel(model, feeds, 'all');
  const result = await lowerFloat16(model, options);
  const got = await runModel(model, feeds, 'all');
  return { ...result, model, sqnr: sqnrDb(wanted.y0!, got.y0!) };
}

const dtypesOf = (model: Model) =>
  Object.fromEntries([...model.graph.initializers].map(([name, w]) => [name, (w as Weight).dtype]));
const opsOf = (model: Model) => model.graph.topologicalOrder().map((n) => n.op);
const matMul: OneNode = { op: 'MatMul', fed: [0] };

test('weights become float16 under their own names; inputs and outputs stay float32', async () => {
  const { model, sqnr, quantized } = await lowered(matMul, [randomTensor(1, 5, 64), randomTensor(2, 64, 48)]);
  expect(dtypesOf(model)).toEqual({ x1: 'float16' });
  expect(opsOf(model)).toEqual(['Cast', 'MatMul', 'Identity', 'Cast']);
  expect(quantized).toMatchObject([{ name: 'x1', format: 'float16', floatBytes: 12288, codeBytes: 6144 }]);
  expect(sqnr).toBeGreaterThan(60);
});

test('inputs and outputs are float16 where that is asked for', async () => {
  const inputs = [randomTensor(1, 5, 64), randomTensor(2, 64, 48)] as const;
  const model = oneNode(matMul, ...inputs);
  const wanted = await runModel(model, feedsOf(matMul, ...inputs));
  await lowerFloat16(model, { keepIoTypes: false });
  expect(opsOf(model)).toEqual(['MatMul', 'Identity']);
  const codes = new Uint16Array(5 * 64).fill(0x3c00);
  const got = await runModel(model, { x0: new ort.Tensor('float16', codes, [5, 64]) });
  expect(got.y0!.type).toBe('float16');
  expect(reals(got.y0!)).toHaveLength(wanted.y0!.size);
});

describe('operators that have no float16, or need float32 somewhere', () => {
  const image = randomTensor(1, 1, 2, 4, 4);
  const ones = new Array<number>(4).fill(1);
  const cases: readonly (readonly [OneNode, Parameters<typeof oneNode>[1][], string[]])[] = [
    [{ op: 'Celu', fed: [0] }, [image], ['Celu']],
    [{ op: 'Range', fed: [1] }, [float32([], [0]), float32([], [5]), float32([], [1])], ['Range']],
    [{ op: 'CumSum', opset: 11, fed: [0] }, [image, tensor('int32', [], Int32Array.of(1))], ['CumSum']],
    [{ op: 'CumSum', opset: 14, fed: [0] }, [image, tensor('int32', [], Int32Array.of(1))], []],
    [{ op: 'Resize', opset: 13, fed: [0] }, [image, undefined, float32([4], [1, 1, 2, 2])], []],
    [{ op: 'Resize', opset: 10, fed: [0] }, [image, float32([4], [1, 1, 2, 2])], []],
    [{ op: 'Upsample', opset: 9, fed: [0] }, [image, float32([4], [1, 1, 2, 2])], []],
    [{ op: 'LayerNormalization', fed: [0] }, [image, float32([4], ones), float32([4], ones)], []],
    [{ op: 'ConstantOfShape', fed: [0] }, [int64([2], [2, 3])], []],
    [
      { op: 'QuantizeLinear', opset: 13, fed: [0] },
      [image, float32([], [0.05]), tensor('uint8', [], Uint8Array.of(128))],
      ['QuantizeLinear'],
    ],
    [
      { op: 'NonMaxSuppression', fed: [0] },
      [float32([1, 2, 4], [0, 0, 1, 1, 0, 0, 2, 2]), float32([1, 1, 2], [0.5, 0.6]), int64([1], [2])],
      ['NonMaxSuppression'],
    ],
  ];
  test.each(cases)('%o', async (node, inputs, floats) => {
    const { kept, sqnr } = await lowered(node, inputs);
    expect(kept.map((k) => k.op)).toEqual(floats);
    expect(sqnr).toBeGreaterThan(50);
  });
});

test('a mask beyond the range is clamped, and said; a vanishing epsilon stays above zero', async () => {
  const mask = await lowered({ op: 'Mul', fed: [0] }, [float32([2], [0, 1]), float32([], [-3.4e38])]);
  expect(mask.notes.filter((n) => n.startsWith('Constant'))).toMatchInlineSnapshot(`
    [
      "Constant 'x1' is 3.40e+38; it became 65504, float16's largest value.",
    ]
  `);
  const epsilon = oneNode({ op: 'Div', fed: [0] }, float32([1], [0]), float32([], [1e-12]));
  await lowerFloat16(epsilon);
  const { y0 } = await runModel(epsilon, { x0: new ort.Tensor('float32', Float32Array.of(0), [1]) });
  expect(y0!.data[0]).toBe(0);
});

test('a weight beyond the range keeps its node in float32', async () => {
  const weight = randomTensor(2, 8, 4);
  weight.data[3] = 1e5;
  const tiny = float32(
    [5, 8],
    randomTensor(1, 5, 8).data.map((v) => v / 100),
  );
  const { kept, model, sqnr } = await lowered(matMul, [tiny, weight]);
  expect(kept.map((k) => k.why)).toMatchInlineSnapshot(`
    [
      "its constant 'x1' holds 1.00e+5, beyond float16's 65504",
    ]
  `);
  expect(dtypesOf(model)).toEqual({ x1: 'float32' });
  expect(sqnr).toBeGreaterThan(60);
});

test('a NaN in a weight is refused by name', async () => {
  const weight = randomTensor(2, 8, 4);
  weight.data[3] = Number.NaN;
  const model = oneNode(matMul, randomTensor(1, 5, 8), weight);
  await expect(lowerFloat16(model)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: Value 3 of x1 is NaN; only finite numbers can be quantized. The training diverged or the file is damaged; mend the weight or keep this tensor float.]`,
  );
});

/** 200 x fits into float16, its square and the mean of that do not, the root does again. */
function overflowing(): Model {
  const graph = new Graph();
  graph.inputs.push(tensorInfo('x', 'float32', [1, 4]));
  graph.initializers.set('c', weightOf(float32([], [200])));
  graph.add({ op: 'Mul', name: 'first', inputs: ['x', 'c'], outputs: ['a'] });
  graph.add({ op: 'Mul', name: 'second', inputs: ['a', 'a'], outputs: ['b'] });
  graph.add({ op: 'ReduceMean', name: 'mean', inputs: ['b'], outputs: ['m'] });
  graph.add({ op: 'Sqrt', name: 'root', inputs: ['m'], outputs: ['r'] });
  graph.add({ op: 'Neg', name: 'last', inputs: ['r'], outputs: ['y'] });
  graph.outputs.push(tensorInfo('y', 'float32', [1, 1]));
  const model = new Model(graph);
  model.opsets.set('', 17);
  return model;
}

test('what would overflow by the data is computed in float32, without a detour', async () => {
  const feeds = { x: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [1, 4]) };
  const model = overflowing();
  const asked: string[] = [];
  const { kept } = await lowerFloat16(model, {
    ranges: async (values) => {
      asked.push(...values);
      return new Map(Object.entries({ a: 800, b: 640000, m: 300000, r: 548 }));
    },
  });
  expect(asked).toEqual(['x', 'a', 'b', 'm', 'r', 'y']);
  expect(kept.map((k) => k.node)).toEqual(['second', 'mean', 'root']);
  expect(opsOf(model)).toEqual(['Cast', 'Mul', 'Cast', 'Mul', 'ReduceMean', 'Sqrt', 'Cast', 'Neg', 'Cast']);
  const [wanted, got] = [await runModel(overflowing(), feeds), await runModel(model, feeds, 'disabled')];
  expect(sqnrDb(wanted.y!, got.y!)).toBeGreaterThan(60);
});

test('a LayerNormalization whose squares would overflow stays float32', async () => {
  const model = oneNode(
    { op: 'LayerNormalization', fed: [0] },
    randomTensor(1, 2, 8),
    float32([8], new Array(8).fill(1)),
  );
  const { kept } = await lowerFloat16(model, { ranges: async () => new Map([['x0', 900]]) });
  expect(kept.map((k) => k.why)).toMatchInlineSnapshot(`
    [
      "its input reaches 900 on the data; the squares it adds up would pass 65504",
    ]
  `);
});

test('bodies of Loop and If are float16 inside, and so is what crosses their border', async () => {
  const body = new Graph('body');
  body.inputs.push(
    tensorInfo('i', 'int64', []),
    tensorInfo('go', 'bool', []),
    tensorInfo('s', 'float32', [2, 8]),
  );
  body.add({ op: 'MatMul', inputs: ['s', 'w'], outputs: ['sw'] });
  body.add({ op: 'Celu', inputs: ['sw'], outputs: ['st'] });
  body.add({ op: 'Identity', inputs: ['go'], outputs: ['on'] });
  body.add({ op: 'Add', inputs: ['st', 'x'], outputs: ['seen'] });
  body.outputs.push(
    tensorInfo('on', 'bool', []),
    tensorInfo('st', 'float32', [2, 8]),
    tensorInfo('seen', 'float32'),
  );
  const branch = (name: string, from: string) => {
    const graph = new Graph(name);
    if (from === '') graph.initializers.set('none', weightOf(randomTensor(7, 2, 8)));
    else graph.add({ op: 'Neg', inputs: [from], outputs: [`${name}_y`] });
    graph.outputs.push(tensorInfo(from === '' ? 'none' : `${name}_y`, 'float32', [2, 8]));
    return graph;
  };
  const graph = new Graph();
  graph.inputs.push(tensorInfo('x', 'float32', [2, 8]), tensorInfo('which', 'bool', []));
  graph.initializers.set('w', weightOf(randomTensor(3, 8, 8)));
  graph.initializers.set('trips', weightOf(int64([], [2])));
  graph.add({ op: 'Loop', inputs: ['trips', '', 'x'], outputs: ['last', 'all'], attributes: { body } });
  graph.add({
    op: 'If',
    inputs: ['which'],
    outputs: ['y'],
    attributes: { then_branch: branch('then', 'last'), else_branch: branch('else', '') },
  });
  graph.outputs.push({ name: 'y', type: undefined }, { name: 'all', type: undefined });
  const model = new Model(graph);
  model.opsets.set('', 17);
  model.irVersion = 8;
  const before = model.clone();
  const { kept } = await lowerFloat16(model);
  expect(kept.map((k) => k.op)).toEqual(['Celu']);
  for (const which of [0, 1]) {
    const feeds = {
      x: new ort.Tensor('float32', randomTensor(1, 2, 8).data, [2, 8]),
      which: new ort.Tensor('bool', Uint8Array.of(which), []),
    };
    const [wanted, got] = [await runModel(before, feeds, 'all'), await runModel(model, feeds, 'all')];
    for (const name of ['y', 'all']) expect(sqnrDb(wanted[name]!, got[name]!), name).toBeGreaterThan(55);
  }
});

test('a Transpose that onnxruntime 1.30 would crash on stays float32', async () => {
  const graph = new Graph();
  graph.inputs.push(tensorInfo('x', 'float32', [7, 3, 16]));
  graph.initializers.set('w', weightOf(randomTensor(3, 16, 8)));
  graph.add({ op: 'Transpose', inputs: ['x'], outputs: ['t'], attributes: { perm: [1, 0, 2] } });
  graph.add({ op: 'MatMul', inputs: ['t', 'w'], outputs: ['y'] });
  graph.outputs.push({ name: 'y', type: undefined });
  const model = new Model(graph);
  const before = model.clone();
  const { kept } = await lowerFloat16(model);
  expect(kept.map((k) => k.op)).toEqual(['Transpose']);
  const feeds = { x: new ort.Tensor('float32', randomTensor(1, 7, 3, 16).data, [7, 3, 16]) };
  const [wanted, got] = [await runModel(before, feeds), await runModel(model, feeds, 'all')];
  expect(sqnrDb(wanted.y!, got.y!)).toBeGreaterThan(55);
  expect((await kernelsOf(model)).Transpose ?? 0).toBeLessThanOrEqual(1);
});
