import { describe, expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { kernelsOf, roundToNearest as quantizer, sqnrDb } from '../../../test/lowering-harness.ts';
import { feedsOf, type OneNode, oneNode, randomTensor } from '../../../test/one-node.ts';
import { presets } from '../../numerics/index.ts';
import type { Weight } from '../weight.ts';
import { lowerBfloat16 } from './bfloat16.ts';
import { lowerFloat8 } from './float8.ts';

const matMul: OneNode = { op: 'MatMul', fed: [0] };
const inputs = [randomTensor(1, 5, 64), randomTensor(2, 64, 48)] as const;
const largest = async (values: readonly string[]) => new Map(values.map((v) => [v, 2]));

describe.each(['fp8-e4m3', 'fp8-e5m2'] as const)('%s', (preset) => {
  const { weights } = presets[preset];
  const floor = preset === 'fp8-e4m3' ? 27 : 21;

  test.each(['disabled', 'all'] as const)('loads and agrees at optimization level %s', async (level) => {
    for (const options of [{}, { ranges: largest }]) {
      const model = oneNode(matMul, ...inputs);
      const feeds = feedsOf(matMul, ...inputs);
      const wanted = await runModel(model, feeds, level);
      const { quantized } = await lowerFloat8(model, { quantizer, weights, ...options });
      expect(quantized).toMatchObject([{ floatBytes: 12288, codeBytes: 3072, scaleBytes: 192 }]);
      expect(sqnrDb(wanted.y0!, (await runModel(model, feeds, level)).y0!)).toBeGreaterThan(floor);
    }
  });

  test('the QuantizeLinear form asks for the values it reads, and rounds the same', async () => {
    const asked: string[][] = [];
    const forms = (['cast', 'qdq'] as const).map(async (form) => {
      const model = oneNode(matMul, ...inputs);
      await lowerFloat8(model, {
        ...{ quantizer, weights, form },
        ranges: async (values) => {
          asked.push([...values]);
          return largest(values);
        },
      });
      return runModel(model, feedsOf(matMul, ...inputs), 'disabled');
    });
    const [cast, qdq] = await Promise.all(forms);
    expect(asked).toEqual([['x0'], ['x0']]);
    expect(sqnrDb(qdq!.y0!, cast!.y0!)).toBeGreaterThan(40);
  });
});

test('a product of two activations is rounded on both sides, or kept without data', async () => {
  const node: OneNode = { op: 'MatMul', fed: [0, 1] };
  const { weights } = presets['fp8-e4m3'];
  const blind = await lowerFloat8(oneNode(node, ...inputs), { quantizer, weights });
  expect(blind.kept.map((k) => k.why)).toMatchInlineSnapshot(`
    [
      "both sides are activations, and their ranges were not measured",
    ]
  `);
  const model = oneNode(node, ...inputs);
  await lowerFloat8(model, { quantizer, weights, ranges: largest });
  expect([...model.graph.nodes].filter((n) => n.op === 'Cast')).toHaveLength(4);
});

test('bfloat16 weights are folded when the model is loaded', async () => {
  const model = oneNode(matMul, ...inputs);
  const feeds = feedsOf(matMul, ...inputs);
  const wanted = await runModel(model, feeds, 'all');
  const { quantized } = await lowerBfloat16(model);
  expect([...model.graph.initializers.values()].map((w) => (w as Weight).dtype)).toEqual(['bfloat16']);
  expect(quantized).toMatchObject([{ format: 'bfloat16', floatBytes: 12288, codeBytes: 6144 }]);
  expect(sqnrDb(wanted.y0!, (await runModel(model, feeds, 'all')).y0!)).toBeGreaterThan(45);
  expect(await kernelsOf(model)).toEqual({ MatMul: 1 });
});
