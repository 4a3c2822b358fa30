import { describe, expect, test } from 'vitest';
import { realFeeds } from '../../../../test/asset-feeds.ts';
import { assetModel, difference, feedsFor, runModel, runnableModels } from '../../../../test/asset-models.ts';
import { kernelsOf, sqnrDb } from '../../../../test/lowering-harness.ts';
import { dequantizeComposite, parseScheme, quantizeComposite, toFloat32 } from '../../../numerics/index.ts';
import { float32 } from '../../../tensor/index.ts';
import { loadWeight, type Model, type Node, weightOf } from '../../index.ts';
import { simplify } from '../../passes/index.ts';
import { lowerScheme, type SchemeQuantizer } from './lower-scheme.ts';

/**
 * Real networks: what ONNX Runtime computes from a file of codes equals, bit for bit, what it computes from the float
 * network whose weights our decode gives; and after loading both are the same operators.
 */
const networks = ['mobilenetv2-cifar10/model.onnx', 'sst2-encoder/model.onnx'].filter((name) =>
  runnableModels.includes(name),
);
if (networks.length === 0)
  console.warn('onnx formats on real networks: skipped, LOWBIT_ASSETS has none of them');

/** The first of these layers; one may stay float, because a book would be larger than its weight. */
const FEW = 6;

/** Least signal over noise of the outputs against float, dB. Books are learned for few layers only: that takes time. */
const schemes: [text: string, floor: number, layers: number][] = [
  ['nf4/64', 8, Number.POSITIVE_INFINITY],
  ['int5/channel:restricted', 8, Number.POSITIVE_INFINITY],
  ['e4m3fn/128x128', 15, Number.POSITIVE_INFINITY],
  ['nf4/64+double+outliers=0.5%', 8, Number.POSITIVE_INFINITY],
  ['kmeans4/channel', 15, FEW],
  ['vq2x8/tensor', 15, FEW],
];

describe.each(networks)('%s', (name) => {
  test.each(schemes)('%s', async (text, floor, layers) => {
    const model = await assetModel(name);
    await simplify(model);
    const decoded = model.clone();
    const quantizer: SchemeQuantizer = async ({ name: weight, weight: values, scheme, range }) => {
      const options = { name: weight, ...(range && { range }) };
      const q = await quantizeComposite(toFloat32(await loadWeight(values)), values.dims, scheme, options);
      replace(decoded, weight, dequantizeComposite(q));
      return q;
    };
    const feeds = realFeeds[name]?.() ?? feedsFor(name, model);
    const float = await runModel(model, feeds, 'all');
    const chosen = new Set(
      [...model.graph.nodes].filter(({ kind }) => kind === 'MatMul' || kind === 'Conv').slice(0, layers),
    );
    const filter = (node: Node) => layers > FEW || chosen.has(node) || 'one of the others';
    const { quantized } = await lowerScheme(model, { quantizer, filter, request: parseScheme(text) });
    expect(quantized.length).toBeGreaterThan(layers > FEW ? 10 : 1);
    const got = await runModel(model, feeds, 'all');
    const wanted = await runModel(decoded, feeds, 'all');
    for (const output of Object.keys(wanted)) {
      expect(difference(got[output]!, wanted[output]!)).toBe(0);
      expect(sqnrDb(float[output]!, got[output]!)).toBeGreaterThan(floor);
    }
    expect(await kernelsOf(model)).toEqual(await kernelsOf(decoded));
  });
});

/** Puts other values in place of a weight, wherever the network keeps it. */
function replace(model: Model, name: string, values: Float32Array): void {
  const { graph } = model;
  const { dims } = graph.initializers.get(name)!;
  graph.initializers.set(name, weightOf(float32(dims, values)));
}
