import * as ort from 'onnxruntime-node';
import type * as web from 'onnxruntime-web';
import { describe, expect, test } from 'vitest';
import {
  encodeOnnx,
  loadWeight,
  lowerScheme,
  type Model,
  type SchemeQuantizer,
} from '../../src/graph/index.ts';
import {
  dequantizeTensor,
  formats,
  type NumberFormat,
  parseScheme,
  quantizeTensor,
  toFloat32,
} from '../../src/numerics/index.ts';
import { seededRandom } from '../../src/tensor/index.ts';
import { type OneNode, oneNode, randomTensor } from '../one-node.ts';

/**
 * Every format of at most 8 bits, as an ONNX file: the weight that the engine computes from what is stored equals
 * `dequantizeTensor` bit for bit.
 */
const rows = Object.values<NumberFormat>(formats).filter(({ bits }) => bits <= 8);

/** Weights as models have them: bell-shaped, with a few large ones. */
function weights(seed: number, ...dims: number[]) {
  const random = seededRandom(seed);
  const t = randomTensor(seed, ...dims);
  t.data.forEach((x, i) => {
    t.data[i] = random() < 0.01 ? 4 * x : x * random() * random();
  });
  return t;
}

/** Lowers one node and gives the weight's reals as the engine makes them, and as our decode does. */
async function roundTrip(text: string, node: OneNode, dims: number[], engine: typeof ort | typeof web = ort) {
  const w = weights(7, ...dims);
  const x = randomTensor(1, 2, 8);
  const inputs = node.op === 'Gather' ? [w, undefined] : [x, w];
  const model = oneNode({ ...node, fed: node.op === 'Gather' ? [] : [0] }, ...inputs);
  const wanted: Float32Array[] = [];
  const quantizer: SchemeQuantizer = async ({ weight, scheme, range, name }) => {
    const values = toFloat32(await loadWeight(weight));
    const base = await quantizeTensor(values, weight.dims, scheme, { name, ...(range && { range }) });
    wanted.push(dequantizeTensor(base));
    return { scheme, base };
  };
  const { quantized } = await lowerScheme(model, { quantizer, request: parseScheme(text) });
  expect(quantized).toHaveLength(1);
  const got = await weightOf(model, node, engine);
  return { wanted: wanted[0]!, got, record: quantized[0]!, model };
}

/** The model without its operator: the weight is the output. */
async function weightOf(model: Model, node: OneNode, engine: typeof ort | typeof web): Promise<Float32Array> {
  const only = model.clone();
  const [reader] = [...only.graph.nodes].filter(({ kind }) => kind === node.op && !isDecoder(kind, only));
  const target = reader ?? [...only.graph.nodes].find(({ outputs }) => outputs[0] === 'r0')!;
  const real = target.inputs[node.op === 'Gather' ? 0 : 1]!;
  for (const n of [...only.graph.nodes]) if (n === target || n.op === 'Identity') only.graph.remove(n);
  only.graph.outputs.splice(0, only.graph.outputs.length, { name: real, type: undefined });
  only.graph.inputs.splice(0);
  const { bytes } = await encodeOnnx(only);
  const session = await (engine as typeof ort).InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const out = await session.run({});
  return out[real]!.data as Float32Array;
}

const isDecoder = (kind: string, _: Model) => kind === 'Gather';

const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

function expectSame(got: Float32Array, wanted: Float32Array): void {
  expect(got.length).toBe(wanted.length);
  const [a, b] = [bits(got), bits(wanted)];
  let different = 0;
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) different++;
  expect(different).toBe(0);
}

const granularities = ({ block, scaled, bookSize }: NumberFormat) =>
  block !== 'free' || (!scaled && bookSize === 0)
    ? ['']
    : ['/tensor', '/channel', '/32', '/24', '/16x8', '/20x12', '/token'];

describe.each(rows.map((row) => [row.name, row] as const))('%s', (name, row) => {
  test.each(granularities(row))('MatMul weights%s', async (where) => {
    const { got, wanted } = await roundTrip(`${name}${where}`, { op: 'MatMul' }, [40, 24]);
    expectSame(got, wanted);
  });
});
