import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { ints, type OneNode, oneNode, randomTensor } from '../../../test/one-node.ts';
import type { Runtime } from '../../runtime/index.ts';
import { type DType, float32, int64, type Tensor, tensor } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import { floatAttribute } from '../node.ts';
import { tensorInfo } from '../value.ts';
import { loadWeight, type Weight, weightOf } from '../weight.ts';
import { evaluators } from './evaluators/index.ts';
import { foldConstants, foldLimitBytes } from './fold-constants.ts';

type Numbers = Tensor<Exclude<DType, 'string'>>;
interface Case extends OneNode {
  readonly inputs: readonly (Numbers | undefined)[];
}

const x = randomTensor(1, 2, 3, 4);
const y = randomTensor(2, 3, 1);
const whole = tensor('int32', [6], Int32Array.of(7, -7, 2 ** 31 - 1, 0, -1, 5));
const other = tensor('int32', [6], Int32Array.of(2, 2, 3, 4, 5, -3));
const [long, short] = [ints(9, -9, 4), ints(4)];
const test3 = tensor('bool', [3], Uint8Array.of(1, 0, 1));
const flags = tensor('bool', [3], Uint8Array.of(1, 1, 0));
const axes = (...values: number[]) => ({ attributes: { axes: values }, opset: 11 });
const scalar = (value: number) => float32([], [value]);

const binary = (op: string, ...pairs: [Numbers, Numbers][]): Case[] =>
  pairs.map(([a, b]) => ({ op, inputs: [a, b] }));

/** At least one case for each evaluator; ONNX Runtime says what comes out. */
const cases: readonly Case[] = [
  { op: 'Identity', inputs: [x] },
  { op: 'Reshape', inputs: [x, ints(0, -1)] },
  { op: 'Flatten', inputs: [x], attributes: { axis: 2 } },
  { op: 'Squeeze', inputs: [y, ints(-1)] },
  { op: 'Squeeze', inputs: [y], ...axes(1) },
  { op: 'Unsqueeze', inputs: [x, ints(0, -1)] },
  { op: 'Unsqueeze', inputs: [x], ...axes(1) },
  { op: 'Transpose', inputs: [x] },
  { op: 'Transpose', inputs: [x], attributes: { perm: [1, 2, 0] } },
  { op: 'Transpose', inputs: [y], attributes: { perm: [1, 0] } },
  { op: 'Concat', inputs: [x, x, randomTensor(3, 2, 1, 4)], attributes: { axis: 1 } },
  { op: 'Concat', inputs: [long, short], attributes: { axis: -1 } },
  { op: 'Gather', inputs: [x, int64([2, 2], [0, -1, 1, 0])], attributes: { axis: 1 } },
  { op: 'Gather', inputs: [long, int64([], [2])] },
  { op: 'Slice', inputs: [x, ints(2, -1), ints(-9, 0), ints(1, 2), ints(-1, -2)] },
  { op: 'Slice', inputs: [x], attributes: { starts: [1], ends: [9] }, opset: 9 },
  { op: 'Split', inputs: [x, ints(1, 3)], attributes: { axis: 2 }, outputs: 2 },
  { op: 'Expand', inputs: [y, ints(2, 1, 4)] },
  { op: 'Tile', inputs: [y, ints(2, 3)] },
  ...binary('Add', [x, y], [whole, other], [long, short]),
  ...binary('Sub', [x, y], [whole, other], [long, short]),
  ...binary('Mul', [x, y], [whole, other], [long, short]),
  ...binary('Div', [x, y], [whole, other], [long, short]),
  ...binary('Max', [x, y], [whole, other], [long, short]),
  ...binary('Min', [x, y], [whole, other], [long, short]),
  ...binary('Mod', [whole, other], [long, short]),
  ...binary('Pow', [x, scalar(2)]),
  ...binary('Equal', [x, x], [whole, other], [long, short]),
  ...binary('Greater', [x, y], [long, short]),
  ...binary('GreaterOrEqual', [x, y]),
  ...binary('Less', [x, y]),
  ...binary('LessOrEqual', [long, long]),
  ...binary('And', [test3, flags]),
  ...binary('Or', [test3, flags]),
  ...binary('Xor', [test3, flags]),
  ...['Neg', 'Abs', 'Sign'].flatMap((op) => [
    { op, inputs: [x] },
    { op, inputs: [whole] },
  ]),
  ...['Floor', 'Ceil', 'Exp', 'Relu'].map((op) => ({ op, inputs: [x] })),
  { op: 'Round', inputs: [float32([4], [0.5, 1.5, -2.5, 2.6])] },
  ...['Sqrt', 'Reciprocal', 'Log'].map((op) => ({ op, inputs: [float32([3], [0.5, 2, 9])] })),
  { op: 'Not', inputs: [test3] },
  { op: 'Where', inputs: [test3, y, randomTensor(5, 3, 3)] },
  ...[1, 6, 7, 9, 11].map((to) => ({ op: 'Cast', inputs: [x], attributes: { to } })),
  ...[1, 6, 9].map((to) => ({ op: 'Cast', inputs: [long], attributes: { to } })),
  {
    op: 'Cast',
    inputs: [tensor('float16', [3], Uint16Array.of(0x3c00, 0xc000, 0x0001))],
    attributes: { to: 1 },
  },
  { op: 'Cast', inputs: [x], attributes: { to: 10 } },
  ...['Sum', 'Max', 'Min', 'Mean', 'Prod', 'L1', 'L2', 'SumSquare'].map((name) => ({
    op: `Reduce${name}`,
    inputs: [x, ints(-1, 0)],
  })),
  ...['Sum', 'Max', 'Min', 'Prod'].map((name) => ({
    op: `Reduce${name}`,
    inputs: [long],
    attributes: { keepdims: 0 },
  })),
  {
    op: 'ConstantOfShape',
    inputs: [ints(2, 3)],
    attributes: { value: { type: 'tensor', value: weightOf(int64([1], [7])) } },
  },
  { op: 'ConstantOfShape', inputs: [ints(2, 3)] },
  { op: 'Range', inputs: [int64([], [3]), int64([], [10]), int64([], [3])] },
  { op: 'Range', inputs: [scalar(0), scalar(1), scalar(0.25)] },
  { op: 'Trilu', inputs: [x, int64([], [1])], attributes: { upper: 0 } },
  { op: 'NonZero', inputs: [tensor('bool', [2, 2], Uint8Array.of(0, 1, 1, 1))] },
];

/** Transcendental functions differ in the last place from one library to the next. */
const inexact = new Set([
  'Exp',
  'Log',
  'ReduceL2',
  'ReduceMean',
  'ReduceSum',
  'ReduceSumSquare',
  'ReduceL1',
  'ReduceProd',
]);

describe('evaluators against ONNX Runtime', () => {
  test('every evaluator has a case', () => {
    const covered = new Set(cases.map((c) => c.op));
    expect(Object.keys(evaluators).filter((op) => !covered.has(op))).toEqual([]);
  });

  test.each(cases.map((c, i) => [`${i} ${c.op}`, c] as const))('%s', async (_, { inputs, ...node }) => {
    const model = oneNode(node, ...inputs);
    const wanted = await runModel(model, {});
    await foldConstants(model);
    for (let i = 0; i < (node.outputs ?? 1); i++) {
      const got = await loadWeight(model.graph.initializers.get(`r${i}`) as Weight);
      const want = wanted[`y${i}`]!;
      expect([got.dtype, got.dims]).toEqual([want.type, [...want.dims]]);
      const values = Array.from(got.data as ArrayLike<number | bigint>, Number);
      const ceiling = inexact.has(node.op) ? 1e-6 : 0;
      for (const [k, v] of Array.from(want.data as ArrayLike<number | bigint>, Number).entries())
        expect(Math.abs(values[k]! - v)).toBeLessThanOrEqual(ceiling * Math.abs(v));
    }
  });
});

const kinds = (graph: Graph) => [...graph.nodes].map((n) => n.kind);

describe('what folds and what stays', () => {
  test('sizes that are known, although the batch is not', async () => {
    const model = oneNode({ op: 'Relu', fed: [0] }, x);
    const { graph } = model;
    graph.inputs[0] = tensorInfo('x0', 'float32', ['batch', 3, 4]);
    graph.add({ op: 'Shape', inputs: ['x0'], outputs: ['dims'] });
    graph.add({ op: 'Gather', inputs: ['dims', 'one'], outputs: ['three'] });
    graph.add({ op: 'Gather', inputs: ['dims', 'zero'], outputs: ['batch'] });
    graph.initializers.set('one', weightOf(int64([1], [1])));
    graph.initializers.set('zero', weightOf(int64([1], [0])));
    graph.add({ op: 'Concat', inputs: ['batch', 'three'], outputs: ['target'], attributes: { axis: 0 } });
    graph.add({ op: 'Identity', inputs: ['target'], outputs: ['out'] });
    graph.outputs.push(tensorInfo('out', 'int64', [2]));
    await foldConstants(model);
    const three = await loadWeight(graph.initializers.get('three') as Weight);
    expect([three.dims, ...(three.data as BigInt64Array)]).toEqual([[1], 3n]);
    expect(graph.producer('batch')?.kind).toBe('Gather');
    expect(graph.producer('target')?.kind).toBe('Concat');
  });

  test('every kind of Constant', async () => {
    const values = {
      value: { type: 'tensor', value: weightOf(x) },
      value_float: floatAttribute(2),
      value_floats: { type: 'floats', value: [1, 2] },
      value_int: { type: 'int', value: 2n ** 62n },
      value_ints: { type: 'ints', value: [-1n] },
    } as const;
    for (const [name, value] of Object.entries(values)) {
      const model = oneNode({ op: 'Constant', attributes: { [name]: value } });
      const wanted = (await runModel(model, {})).y0!;
      await foldConstants(model);
      expect(kinds(model.graph)).toEqual(['Identity']);
      const got = await loadWeight(model.graph.initializers.get('r0') as Weight);
      expect([got.dtype, got.dims, got.data]).toEqual([wanted.type, wanted.dims, wanted.data]);
    }
  });

  test('a large transposed weight is moved when it is read, unless another reads it too', async () => {
    const rows = foldLimitBytes / 4;
    const big = float32(
      [rows, 2],
      Float32Array.from({ length: rows * 2 }, (_, i) => i),
    );
    const model = oneNode({ op: 'Transpose' }, big);
    await foldConstants(model);
    const moved = model.graph.initializers.get('r0') as Weight;
    expect(moved.dims).toEqual([2, rows]);
    const { data } = await loadWeight(moved);
    expect([data[1], data[rows]]).toEqual([2, 1]);

    const shared = oneNode({ op: 'Transpose' }, big);
    shared.graph.add({ op: 'Identity', inputs: ['x0'], outputs: ['also'] });
    shared.graph.outputs.push({ name: 'also', type: undefined });
    expect((await foldConstants(shared)).changes).toBe(0);
  });

  test('what would grow the model stays', async () => {
    const model = oneNode({ op: 'Expand' }, float32([1], [1]), ints(foldLimitBytes));
    expect((await foldConstants(model)).changes).toBe(0);
    const shape = oneNode({ op: 'ConstantOfShape' }, ints(2 ** 40));
    expect((await foldConstants(shape)).changes).toBe(0);
  });

  test('quantized weights and inputs with defaults stay', async () => {
    const codes = tensor('int8', [2], Int8Array.of(1, 2));
    const model = oneNode({ op: 'DequantizeLinear' }, codes, scalar(0.5));
    expect((await foldConstants(model)).changes).toBe(0);
    const fed = oneNode({ op: 'Neg', fed: [0] }, x);
    fed.graph.initializers.set('x0', weightOf(x));
    expect((await foldConstants(fed)).changes).toBe(0);
  });

  test('nodes that ask for the impossible stay', async () => {
    const impossible: Case[] = [
      { op: 'Transpose', inputs: [x], attributes: { perm: [0, 0, 7] } },
      { op: 'Reshape', inputs: [x, ints(-2, -12)] },
      { op: 'Reshape', inputs: [x, ints(0, 0, 0, 0)] },
      { op: 'Concat', inputs: [x, y], attributes: { axis: 0 } },
      { op: 'Gather', inputs: [x, ints(9)] },
      { op: 'Squeeze', inputs: [x, ints(0)] },
      { op: 'Unsqueeze', inputs: [x, ints(0, 0)] },
      { op: 'Slice', inputs: [x, ints(0), ints(1), ints(0), ints(0)] },
      { op: 'Split', inputs: [x, ints(-5, 9)], attributes: { axis: 2 }, outputs: 2 },
      { op: 'Expand', inputs: [x, ints(2 ** 40)] },
      { op: 'Expand', inputs: [y, ints(-1, -1)] },
      { op: 'Tile', inputs: [y, ints(-2, 3)] },
      { op: 'Tile', inputs: [y, ints(2 ** 40, 2 ** 40)] },
      { op: 'Add', inputs: [x, randomTensor(1, 7)] },
      { op: 'Div', inputs: [long, ints(0)] },
      { op: 'Range', inputs: [scalar(0), scalar(1), scalar(0)] },
      { op: 'ReduceSum', inputs: [float32([0], [])] },
    ];
    for (const { inputs, ...node } of impossible) {
      const model = oneNode(node, ...inputs);
      await foldConstants(model);
      expect([...model.graph.nodes][0]?.op).toBe(node.op);
    }
  });

  test('with a runtime, operators that have no evaluator here', async () => {
    const product = () => oneNode({ op: 'MatMul' }, randomTensor(1, 3, 2), randomTensor(2, 2, 4));
    expect((await foldConstants(product())).changes).toBe(0);
    const model = product();
    const wanted = (await runModel(model, {})).y0!;
    await foldConstants(model, { runtime });
    expect((await loadWeight(model.graph.initializers.get('r0') as Weight)).data).toEqual(wanted.data);
    const random = oneNode({ op: 'RandomNormalLike' }, x);
    expect((await foldConstants(random, { runtime })).changes).toBe(0);
    const mystery = oneNode({ op: 'Mystery' }, x);
    expect((await foldConstants(mystery, { runtime })).changes).toBe(0);
  });
});

/** ONNX Runtime without a worker. */
const runtime: Runtime = {
  name: 'native',
  version: 'test',
  threads: 1,
  load: async (model) => {
    const session = await ort.InferenceSession.create((model as { bytes: Uint8Array }).bytes, {
      logSeverityLevel: 4,
    });
    return {
      inputs: [],
      outputs: [],
      run: async () => {
        const results = Object.entries(await session.run({}));
        return Object.fromEntries(
          results.map(([name, t]) => [
            name,
            { dtype: t.type as 'float32', dims: t.dims, data: t.data as Float32Array },
          ]),
        );
      },
      time: async () => new Float64Array(),
      release: () => session.release(),
    };
  },
  close: async () => {},
};
