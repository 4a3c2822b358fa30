import { describe, expect, test } from 'vitest';
import { assetModel, dtypeOf, feedsFor, runModel, runnableModels } from '../../../test/asset-models.ts';
import { type DType, elementCount, float32, int64, tensor } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import type { NodeInit } from '../node.ts';
import { type Dim, tensorInfo } from '../value.ts';
import { type Weight, weightOf } from '../weight.ts';
import { inferShapes } from './infer-shapes.ts';

/**
 * Share of the main graph's values whose rank must be known where it is not all: branches of an If that
 * tests a size give different ranks.
 */
const knownRanks: Record<string, number> = {
  'silero-vad/silero_vad.onnx': 0.33,
  'silero-vad/silero_vad_16k_op15.onnx': 0.87,
};

describe.skipIf(runnableModels.length === 0)('against ONNX Runtime (skipped without LOWBIT_ASSETS)', () => {
  test.each(runnableModels)('%s', async (name) => {
    const model = await assetModel(name);
    const feeds = feedsFor(name, model);
    const open = new Map<string, number>();
    for (const { name: input, type } of model.graph.inputs) {
      const shape = type?.kind === 'tensor' ? type.shape : undefined;
      for (const [i, d] of (shape ?? []).entries())
        if (typeof d === 'string') open.set(d, feeds[input]?.dims[i] ?? 0);
    }
    for (const annotations of [true, false]) {
      const types = await inferShapes(model, { annotations });
      const tapped = model.clone();
      const values = [...model.graph.nodes].flatMap((n) => n.outputs).filter((o) => o !== '');
      tapped.graph.outputs = values.map((v) => ({ name: v, type: undefined }));
      const results = await runModel(tapped, feeds);
      const wrong: string[] = [];
      const unknown: string[] = [];
      for (const value of values) {
        const [type, result] = [types.get(value), results[value]!];
        const got = type?.kind === 'tensor' ? type : undefined;
        if (got?.shape === undefined) unknown.push(value);
        if (got?.dtype !== dtypeOf(result)) wrong.push(`${value}: ${got?.dtype}`);
        const fits = got?.shape?.every((d, i) => {
          const size = typeof d === 'string' ? open.get(d) : d;
          return size === undefined || size === result.dims[i];
        });
        if (got?.shape !== undefined && (!fits || got.shape.length !== result.dims.length))
          wrong.push(`${value}: [${got.shape}] is [${result.dims}]`);
      }
      expect(wrong).toEqual([]);
      expect(1 - unknown.length / values.length).toBeGreaterThanOrEqual(knownRanks[name] ?? 1);
    }
  });
});

/** Types of one node's outputs from the types of its inputs and constants. */
async function outputTypes(
  node: Omit<NodeInit, 'inputs' | 'outputs'> & { outputs?: number; opset?: number },
  ...inputs: (Weight | readonly [DType, ...Dim[]] | undefined)[]
): Promise<string[]> {
  const graph = new Graph();
  const names = inputs.map((given, i) => {
    if (given === undefined) return '';
    if ('read' in given) graph.initializers.set(`x${i}`, given);
    else graph.inputs.push(tensorInfo(`x${i}`, given[0], given.slice(1) as Dim[]));
    return `x${i}`;
  });
  const outputs = Array.from({ length: node.outputs ?? 1 }, (_, i) => `y${i}`);
  graph.add({ ...node, inputs: names, outputs });
  const model = new Model(graph);
  model.opsets.set('', node.opset ?? 21);
  const types = await inferShapes(model);
  return outputs.map((o) => {
    const type = types.get(o);
    if (type?.kind !== 'tensor') return 'unknown';
    return `${type.dtype ?? '?'} ${type.shape ? `[${type.shape.map((d) => d ?? '?')}]` : '?'}`;
  });
}

const shape = (...dims: number[]) => weightOf(int64([dims.length], dims));
const weight = (...dims: number[]) => weightOf(float32(dims, new Float32Array(elementCount(dims))));

describe('rules', () => {
  test('convolutions', async () => {
    const x = ['float32', 'n', 8, 9, 'w'] as const;
    expect(await outputTypes({ op: 'Conv' }, x, weight(16, 8, 3, 3))).toEqual(['float32 [n,16,7,?]']);
    const padded = { attributes: { pads: [1, 1, 1, 1] } };
    expect(await outputTypes({ op: 'Conv', ...padded }, x, weight(16, 8, 3, 3))).toEqual([
      'float32 [n,16,9,w]',
    ]);
    const same = { attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } };
    expect(await outputTypes({ op: 'Conv', ...same }, x, weight(4, 8, 5, 5))).toEqual(['float32 [n,4,5,?]']);
    const up = { attributes: { strides: [2, 2], group: 2, output_padding: [1, 0] } };
    expect(await outputTypes({ op: 'ConvTranspose', ...up }, x, weight(8, 3, 2, 2))).toEqual([
      'float32 [n,6,19,?]',
    ]);
    const pool = { attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, outputs: 2 };
    expect(await outputTypes({ op: 'MaxPool', ...pool }, x)).toEqual([
      'float32 [n,8,5,?]',
      'int64 [n,8,5,?]',
    ]);
  });

  test('reshape cancels symbols', async () => {
    const x = ['float16', 'n', 4, 'h', 6] as const;
    expect(await outputTypes({ op: 'Reshape' }, x, shape(0, -1, 24))).toEqual(['float16 [n,h,24]']);
    expect(await outputTypes({ op: 'Reshape' }, x, shape(-1, 6))).toEqual(['float16 [?,6]']);
    expect(await outputTypes({ op: 'Flatten' }, ['float32', 'n', 2, 3])).toEqual(['float32 [n,6]']);
  });

  test('attributes of old versions and inputs of new ones', async () => {
    const x = ['int8', 1, 5, 'n'] as const;
    expect(await outputTypes({ op: 'Squeeze', attributes: { axes: [0] }, opset: 11 }, x)).toEqual([
      'int8 [5,n]',
    ]);
    expect(await outputTypes({ op: 'Squeeze' }, x, shape(-3))).toEqual(['int8 [5,n]']);
    expect(await outputTypes({ op: 'Squeeze' }, x)).toEqual(['int8 ?']);
    const old = { attributes: { starts: [1], ends: [-1], axes: [1] }, opset: 9 };
    expect(await outputTypes({ op: 'Slice', ...old }, x)).toEqual(['int8 [1,3,n]']);
    expect(await outputTypes({ op: 'Slice' }, x, shape(4), shape(-9), shape(1), shape(-2))).toEqual([
      'int8 [1,3,n]',
    ]);
    expect(await outputTypes({ op: 'ReduceMean', opset: 13, attributes: { axes: [-1] } }, x)).toEqual([
      'int8 [1,5,1]',
    ]);
    expect(await outputTypes({ op: 'ReduceSum', attributes: { keepdims: 0 } }, x, shape(1))).toEqual([
      'int8 [1,n]',
    ]);
    expect(await outputTypes({ op: 'Split', outputs: 2, attributes: { axis: 1 } }, x)).toEqual([
      'int8 [1,3,n]',
      'int8 [1,2,n]',
    ]);
  });

  test('products and sequences', async () => {
    const [a, b] = [['float32', 'n', 1, 3, 4] as const, ['float32', 5, 4, 'k'] as const];
    expect(await outputTypes({ op: 'MatMul' }, a, b)).toEqual(['float32 [n,5,3,k]']);
    expect(await outputTypes({ op: 'Einsum', attributes: { equation: 'nij,njk->ik' } }, b, b)).toEqual([
      'float32 [4,k]',
    ]);
    const lstm = { attributes: { hidden_size: 7, direction: 'bidirectional' }, outputs: 3 };
    expect(await outputTypes({ op: 'LSTM', ...lstm }, ['float32', 't', 'n', 3])).toEqual([
      'float32 [t,2,n,7]',
      'float32 [2,n,7]',
      'float32 [2,n,7]',
    ]);
    const heads = { attributes: { q_num_heads: 4, kv_num_heads: 2 } };
    const [q, kv] = [['float32', 'n', 9, 32] as const, ['float32', 'n', 9, 16] as const];
    expect(await outputTypes({ op: 'Attention', ...heads, opset: 23 }, q, kv, kv)).toEqual([
      'float32 [n,9,32]',
    ]);
  });

  test('element types of quantized operators', async () => {
    const [x, scale] = [['float32', 'n', 4] as const, weight()];
    const zero = weightOf(tensor('int8', [], new Int8Array(1)));
    expect(await outputTypes({ op: 'QuantizeLinear' }, x, scale, zero)).toEqual(['int8 [n,4]']);
    expect(await outputTypes({ op: 'QuantizeLinear' }, x, scale)).toEqual(['uint8 [n,4]']);
    expect(await outputTypes({ op: 'QuantizeLinear', attributes: { output_dtype: 22 } }, x, scale)).toEqual([
      'int4 [n,4]',
    ]);
    expect(await outputTypes({ op: 'DequantizeLinear' }, ['uint8', 'n', 4], scale)).toEqual([
      'float32 [n,4]',
    ]);
    expect(await outputTypes({ op: 'DynamicQuantizeLinear', outputs: 3 }, x)).toEqual([
      'uint8 [n,4]',
      'float32 []',
      'uint8 []',
    ]);
    expect(await outputTypes({ op: 'MatMulInteger' }, ['uint8', 2, 3], ['int8', 3, 5])).toEqual([
      'int32 [2,5]',
    ]);
  });

  test('an operator without a rule is unknown', async () => {
    expect(await outputTypes({ op: 'Mystery', domain: 'somewhere' }, ['float32', 2])).toEqual(['unknown']);
  });
});
