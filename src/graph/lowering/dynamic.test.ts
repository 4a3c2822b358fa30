import { expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { kernelsOf, roundToNearest as quantizer, sqnrDb } from '../../../test/lowering-harness.ts';
import { feedsOf, type OneNode, oneNode, randomTensor } from '../../../test/one-node.ts';
import { presets } from '../../numerics/index.ts';
import { float32, tensor } from '../../tensor/index.ts';
import { floatAttribute, Graph, Model, tensorInfo, weightOf } from '../index.ts';
import { type DynamicOptions, lowerDynamic } from './dynamic.ts';

const int8 = presets['int8-dynamic'].weights;
const uint8 = presets.uint8.weights;

/** Lowers a one-node model and says how near it stays, and what ONNX Runtime makes of it. */
async function lowered(
  node: OneNode,
  inputs: Parameters<typeof oneNode>[1][],
  options: Partial<DynamicOptions> = {},
) {
  const model = oneNode(node, ...inputs);
  const feeds = feedsOf(node, ...inputs);
  const wanted = await runModel(model, feeds, 'all');
  const result = await lowerDynamic(model, { quantizer, weights: int8, ...options });
  const got = await runModel(model, feeds, 'all');
  const sqnr = Math.min(...Object.keys(wanted).map((name) => sqnrDb(wanted[name]!, got[name]!)));
  return { ...result, model, sqnr, kernels: await kernelsOf(model) };
}

const matMul: OneNode = { op: 'MatMul', fed: [0] };

test.each([
  ['int8', int8],
  ['uint8', uint8],
  ['int8 per tensor', { ...int8, granularity: 'per-tensor' }],
  ['7-bit', { ...int8, reduced: true }],
  ['uint8 per channel', { ...int8, format: 'uint8' }],
] as const)('MatMul becomes DynamicQuantizeMatMul: %s', async (_, weights) => {
  const { sqnr, kernels } = await lowered(matMul, [randomTensor(1, 5, 64), randomTensor(2, 64, 48)], {
    weights,
  });
  expect(kernels).toEqual({ DynamicQuantizeMatMul: 1 });
  expect(sqnr).toBeGreaterThan('reduced' in weights ? 32 : 36);
});

test('every byte of a weight is accounted for', async () => {
  const { quantized } = await lowered(matMul, [randomTensor(1, 5, 64), randomTensor(2, 64, 48)], {
    weights: { ...uint8, granularity: 'per-channel' },
  });
  expect(quantized).toEqual([
    {
      name: 'x1',
      node: 'r0',
      op: 'MatMul',
      format: 'uint8',
      granularity: 'per-channel(1)',
      values: 3072,
      floatBytes: 12288,
      codeBytes: 3072,
      scaleBytes: 192,
      zeroPointBytes: 48,
    },
  ]);
});

test.each([
  { transB: 0, alpha: 1, beta: 1 },
  { transB: 1, alpha: 1, beta: 1 },
  { transB: 1, alpha: 0.5, beta: -2, transA: 1 },
])('Gemm keeps its meaning: %o', async ({ transB, alpha, beta, transA = 0 }) => {
  const attributes = { transA, transB, alpha: floatAttribute(alpha), beta: floatAttribute(beta) };
  const x = transA ? randomTensor(1, 64, 5) : randomTensor(1, 5, 64);
  const w = transB ? randomTensor(2, 48, 64) : randomTensor(2, 64, 48);
  const { sqnr, kernels } = await lowered({ op: 'Gemm', attributes, fed: [0] }, [x, w, randomTensor(3, 48)]);
  expect(kernels.DynamicQuantizeMatMul).toBe(1);
  expect(kernels.Gemm).toBeUndefined();
  expect(sqnr).toBeGreaterThan(36);
});

test('a bias that is fed is scaled by beta', async () => {
  const attributes = { beta: floatAttribute(3) };
  const inputs = [randomTensor(1, 5, 64), randomTensor(2, 64, 48), randomTensor(3, 5, 48)];
  const { sqnr } = await lowered({ op: 'Gemm', attributes, fed: [0, 2] }, inputs);
  expect(sqnr).toBeGreaterThan(36);
});

test('a stack of matrices gets one scale', async () => {
  const { quantized, sqnr } = await lowered(matMul, [randomTensor(1, 3, 5, 64), randomTensor(2, 3, 64, 8)]);
  expect(quantized[0]!.granularity).toBe('per-tensor');
  expect(sqnr).toBeGreaterThan(33);
});

test('several products of one value share its quantized form', async () => {
  const graph = new Graph();
  graph.inputs.push(tensorInfo('x', 'float32', [5, 64]));
  for (const [i, name] of ['q', 'k', 'v'].entries()) {
    graph.initializers.set(`${name}w`, weightOf(randomTensor(i, 64, 32)));
    graph.initializers.set(`${name}b`, weightOf(randomTensor(i + 9, 32)));
    graph.add({ op: 'MatMul', inputs: ['x', `${name}w`], outputs: [`${name}m`] });
    graph.add({ op: 'Add', inputs: [`${name}m`, `${name}b`], outputs: [name] });
    graph.outputs.push({ name, type: undefined });
  }
  const model = new Model(graph);
  await lowerDynamic(model, { quantizer, weights: int8 });
  expect(await kernelsOf(model)).toEqual({ DynamicQuantizeLinear: 1, MatMulIntegerToFloat: 3 });
});

test.each([
  [1, 'int8', int8],
  [2, 'int8', int8],
  [2, 'uint8 per tensor', uint8],
] as const)('LSTM of %i directions becomes DynamicQuantizeLSTM: %s', async (directions, _, weights) => {
  const hidden = 32;
  const attributes = { hidden_size: hidden, ...(directions === 2 && { direction: 'bidirectional' }) };
  const inputs = [
    randomTensor(1, 9, 3, 24),
    small(2, directions, 4 * hidden, 24),
    small(3, directions, 4 * hidden, hidden),
    small(4, directions, 8 * hidden),
    tensor('int32', [3], Int32Array.of(9, 5, 2)),
  ];
  const { sqnr, kernels, quantized } = await lowered(
    { op: 'LSTM', attributes, outputs: 3, fed: [0, 4] },
    inputs,
    {
      weights,
    },
  );
  expect(kernels).toEqual({ DynamicQuantizeLSTM: 1 });
  expect(quantized).toHaveLength(2);
  expect(sqnr).toBeGreaterThan(28);
});

test('a batch-first LSTM stays, and says why', async () => {
  const attributes = { hidden_size: 8, layout: 1 };
  const model = oneNode(
    { op: 'LSTM', attributes, fed: [0] },
    randomTensor(1, 3, 9, 4),
    small(2, 1, 32, 4),
    small(3, 1, 32, 8),
  );
  const { kept, quantized } = await lowerDynamic(model, { quantizer, weights: int8 });
  expect(quantized).toEqual([]);
  expect(kept).toEqual([{ node: 'r0', op: 'LSTM', why: 'DynamicQuantizeLSTM has no batch-first layout' }]);
});

const conv: OneNode = { op: 'Conv', attributes: { pads: [1, 1, 1, 1] }, fed: [0] };

test('Conv is stored in 8 bits and computed in float', async () => {
  const inputs = [randomTensor(1, 2, 8, 9, 9), randomTensor(2, 16, 8, 3, 3), randomTensor(3, 16)];
  const { sqnr, kernels, notes } = await lowered(conv, inputs);
  expect(kernels).toEqual({ Conv: 1 });
  expect(sqnr).toBeGreaterThan(38);
  expect(notes).toMatchInlineSnapshot(`
    [
      "Convolutions: weights are stored in 8 bits and become float when the model is loaded; the file is smaller, speed and memory are those of float.",
    ]
  `);
});

test('Conv becomes ConvInteger where that is asked for', async () => {
  const inputs = [randomTensor(1, 2, 8, 9, 9), randomTensor(2, 16, 8, 3, 3), randomTensor(3, 16)];
  const { sqnr, kernels } = await lowered(conv, inputs, { conv: 'integer' });
  expect(kernels.ConvInteger).toBe(1);
  expect(sqnr).toBeGreaterThan(36);
});

test('embedding rows are gathered as codes', async () => {
  const node: OneNode = { op: 'Gather', fed: [1] };
  const indices = tensor('int64', [2, 2], BigInt64Array.of(3n, 0n, 49n, -1n));
  for (const width of [96, 24]) {
    const { sqnr, kernels, quantized } = await lowered(node, [randomTensor(1, 50, width), indices]);
    expect(kernels.DequantizeLinear).toBeUndefined();
    expect(quantized[0]!.granularity).toBe(width === 96 ? 'per-channel(0)' : 'per-tensor');
    expect(sqnr).toBeGreaterThan(38);
  }
});

test('what cannot be quantized says why', async () => {
  const graph = new Graph();
  graph.inputs.push(tensorInfo('x', 'float32', [4, 8]), tensorInfo('z', 'float32', [8, 4]));
  graph.initializers.set('w', weightOf(randomTensor(1, 8, 4)));
  graph.initializers.set('v', weightOf(float32([8], [1, 2, 3, 4, 5, 6, 7, 8])));
  graph.add({ op: 'MatMul', name: 'attention', inputs: ['x', 'z'], outputs: ['a'] });
  graph.add({ op: 'MatMul', name: 'left', inputs: ['w', 'x'], outputs: ['b'] });
  graph.add({ op: 'MatMul', name: 'vector', inputs: ['x', 'v'], outputs: ['c'] });
  graph.add({ op: 'MatMul', name: 'mine', inputs: ['x', 'w'], outputs: ['d'] });
  graph.outputs = ['a', 'b', 'c', 'd'].map((name) => ({ name, type: undefined }));
  const { kept, quantized } = await lowerDynamic(new Model(graph), {
    quantizer,
    weights: int8,
    filter: (node) => (node.name === 'mine' ? "kept float by 'mine'" : true),
  });
  expect(quantized).toEqual([]);
  expect(kept.map((k) => `${k.node}: ${k.why}`)).toMatchInlineSnapshot(`
    [
      "attention: both sides of the product are activations",
      "left: the weight is on the left side; only a right side is quantized",
      "vector: its weight is a vector",
      "mine: kept float by 'mine'",
    ]
  `);
});

test('bodies of If are reached, with weights of the graph around them', async () => {
  const graph = new Graph();
  graph.inputs.push(tensorInfo('x', 'float32', [5, 64]), tensorInfo('which', 'bool', []));
  graph.initializers.set('w', weightOf(randomTensor(1, 64, 32)));
  const branch = (name: string, op: string) => {
    const body = new Graph(name);
    body.add({ op: 'MatMul', inputs: ['x', 'w'], outputs: [`${name}_m`] });
    body.add({ op, inputs: [`${name}_m`], outputs: [`${name}_y`] });
    body.outputs.push({ name: `${name}_y`, type: undefined });
    return body;
  };
  graph.add({
    op: 'If',
    inputs: ['which'],
    outputs: ['y'],
    attributes: { then_branch: branch('then', 'Relu'), else_branch: branch('else', 'Neg') },
  });
  graph.outputs.push({ name: 'y', type: undefined });
  const model = new Model(graph);
  const { quantized } = await lowerDynamic(model, { quantizer, weights: int8 });
  expect(quantized).toHaveLength(1);
  expect([...graph.initializers.keys()].sort()).toEqual(['w_codes', 'w_scale']);
  expect((await kernelsOf(model)).DynamicQuantizeMatMul).toBe(2);
});

function small(seed: number, ...dims: number[]) {
  const t = randomTensor(seed, ...dims);
  return float32(
    t.dims,
    t.data.map((v) => v / 8),
  );
}
