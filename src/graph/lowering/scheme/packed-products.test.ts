import { describe, expect, test } from 'vitest';
import { runModel } from '../../../../test/asset-models.ts';
import { kernelsOf } from '../../../../test/lowering-harness.ts';
import { feedsOf, oneNode, randomTensor } from '../../../../test/one-node.ts';
import { dequantizeComposite, parseScheme, quantizeComposite, toFloat32 } from '../../../numerics/index.ts';
import { float32 } from '../../../tensor/index.ts';
import { floatAttribute, loadWeight } from '../../index.ts';
import { lowerScheme, type SchemeOptions, type SchemeQuantizer } from './lower-scheme.ts';

/** Operators that multiply with packed weights. A product with the unit matrix shows the weight that they see. */

const unit = (size: number) =>
  float32(
    [size, size],
    Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)),
  );

async function seen(text: string, shape: { K: number; N: number; transB?: boolean }, options: Options = {}) {
  const { K, N, transB = false } = shape;
  const node = transB ? { op: 'Gemm', fed: [0], attributes: { transB: 1 } } : { op: 'MatMul', fed: [0] };
  const inputs = [unit(K), transB ? randomTensor(2, N, K) : randomTensor(2, K, N)];
  const model = oneNode(node, ...inputs);
  let decoded = new Float32Array();
  const quantizer: SchemeQuantizer = async ({ weight, scheme }) => {
    const q = await quantizeComposite(toFloat32(await loadWeight(weight)), weight.dims, scheme);
    decoded = dequantizeComposite(q) as Float32Array<ArrayBuffer>;
    return q;
  };
  const { quantized, notes } = await lowerScheme(model, {
    quantizer,
    request: parseScheme(text),
    ...options,
  });
  const { y0 } = await runModel(model, feedsOf(node, ...inputs), 'all');
  const got = y0!.data as Float32Array;
  // [K, N]
  const wanted = transB ? decoded.map((_, i) => decoded[(i % N) * K + Math.floor(i / N)]!) : decoded;
  const different = wanted.reduce((sum, x, i) => sum + Number(x !== got[i]), 0);
  return { different, kernels: await kernelsOf(model), runs: quantized[0]!.runs, notes };
}

type Options = Partial<Pick<SchemeOptions, 'carrier' | 'accuracyLevel'>>;

describe('by default, what computes with packed weights as fast as float', () => {
  test.each([
    ['int4/32', { K: 96, N: 24 }],
    ['uint4/16:asymmetric', { K: 100, N: 24 }],
    ['int4/128:asymmetric', { K: 300, N: 24, transB: true }],
    ['uint4/256', { K: 300, N: 24 }],
  ] as const)('%s: MatMulNBits, the very weight', async (text, shape) => {
    const { different, kernels, runs, notes } = await seen(text, shape);
    expect({ different, runs }).toEqual({ different: 0, runs: 'few-bits' });
    expect(kernels).toEqual({ MatMulNBits: 1 });
    expect(notes.join()).toMatch(/bits per weight, scales included, stay packed in memory/);
  });

  test.each([
    'int4/24',
    'int4/512',
    'int4/channel',
    'int8/32',
    'int2/32',
    'int4/32:scale=float16',
    'nf4/32',
    'int5/32',
  ])('%s: float at load, nothing else is left in the graph', async (text) => {
    const { different, kernels, runs, notes } = await seen(text, { K: 96, N: 24 });
    expect({ different, runs }).toEqual({ different: 0, runs: 'float-at-load' });
    expect(kernels).toEqual({ MatMul: 1 });
    expect(notes.join()).toMatch(/bits per weight, scales included, become float when ONNX Runtime loads/);
  });
});

describe('packed: memory before speed', () => {
  test.each([
    ['int2/32', { K: 96, N: 24 }, 'MatMulNBits', 'few-bits'],
    ['uint8/64:asymmetric', { K: 100, N: 24 }, 'MatMulNBits', 'few-bits'],
    ['nf4/64', { K: 128, N: 24 }, 'MatMulBnb4', 'unpacked-each-run'],
    ['nf4/32', { K: 96, N: 23, transB: true }, 'MatMulBnb4', 'unpacked-each-run'],
    ['fp4/16', { K: 96, N: 24 }, 'MatMulBnb4', 'unpacked-each-run'],
  ] as const)('%s', async (text, shape, operator, runs) => {
    const got = await seen(text, shape, { carrier: 'packed' });
    expect(got).toMatchObject({ different: 0, runs, kernels: { [operator]: 1 } });
  });

  test('what none of them holds becomes float at load', async () => {
    const { different, runs } = await seen('nf4/64', { K: 100, N: 24 }, { carrier: 'packed' });
    expect({ different, runs }).toEqual({ different: 0, runs: 'float-at-load' });
  });
});

test('standard: no operator of com.microsoft', async () => {
  const { different, kernels } = await seen('int4/32', { K: 96, N: 24 }, { carrier: 'standard' });
  expect({ different, kernels }).toEqual({ different: 0, kernels: { MatMul: 1 } });
});

test("Gemm's alpha would round scales again: decoded instead", async () => {
  const model = oneNode(
    { op: 'Gemm', fed: [0], attributes: { alpha: floatAttribute(0.3) } },
    unit(96),
    randomTensor(2, 96, 24),
  );
  const quantizer: SchemeQuantizer = async ({ weight, scheme }) =>
    quantizeComposite(toFloat32(await loadWeight(weight)), weight.dims, scheme);
  const { quantized } = await lowerScheme(model, { quantizer, request: parseScheme('int4/32') });
  expect(quantized[0]!.runs).toBe('float-at-load');
  expect([...model.graph.nodes].some(({ op }) => op === 'Gemm')).toBe(true);
});

test('a weight that the scheme would make larger stays float, and says why', async () => {
  const quantizer: SchemeQuantizer = async ({ weight, scheme }) =>
    quantizeComposite(toFloat32(await loadWeight(weight)), weight.dims, scheme);
  const of = async (text: string) => {
    const model = oneNode({ op: 'MatMul', fed: [0] }, unit(96), randomTensor(2, 96, 24));
    return lowerScheme(model, { quantizer, request: parseScheme(text) });
  };
  for (const [text, bits] of [
    ['kmeans4/1', 516],
    ['kmeans8/channel', 93.3],
  ] as const) {
    const { quantized, kept } = await of(text);
    expect(quantized, text).toEqual([]);
    expect(kept.map(({ why }) => why).join()).toContain(`the scheme would take ${bits} bits per weight`);
  }
  expect((await of('kmeans4/tensor')).quantized).toHaveLength(1);
});
