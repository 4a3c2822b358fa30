import { describe, expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { kernelsOf, roundToNearest as quantizer, sqnrDb } from '../../../test/lowering-harness.ts';
import { feedsOf, type OneNode, oneNode, randomTensor } from '../../../test/one-node.ts';
import { dequantizeTensor, type SchemeTemplate } from '../../numerics/index.ts';
import { elementCount, tensor } from '../../tensor/index.ts';
import { floatAttribute, loadWeight, type Model, type Weight, type WeightQuantizer } from '../index.ts';
import { lowerWeightOnly, type WeightOnlyOptions } from './weight-only.ts';

const blocks = (bits: 2 | 4 | 8, blockSize: number, symmetric: boolean): SchemeTemplate => ({
  format: `uint${bits}`,
  granularity: 'per-group',
  blockSize,
  symmetric,
});

/** The quantizer, and the float weight that its codes stand for. */
function remembering() {
  const reals = new Map<string, Float32Array>();
  const spy: WeightQuantizer = async (request) => {
    const q = await quantizer(request);
    reals.set(request.name, dequantizeTensor(q));
    return q;
  };
  return { spy, reals };
}

/** The model with a weight replaced by what its codes mean: the result the operator must compute. */
async function exact(
  node: OneNode,
  inputs: Parameters<typeof oneNode>[1][],
  weight: number,
  options: Options,
) {
  const { spy, reals } = remembering();
  const model = oneNode(node, ...inputs);
  const feeds = feedsOf(node, ...inputs);
  const result = await lowerWeightOnly(model, { quantizer: spy, accuracyLevel: 0, ...options });
  const got = await runModel(model, feeds, 'disabled');
  const codesOf = inputs.with(weight, tensor('float32', inputs[weight]!.dims, reals.get(`x${weight}`)!));
  const wanted = await runModel(oneNode(node, ...codesOf), feeds, 'disabled');
  return { ...result, model, feeds, sqnr: sqnrDb(wanted.y0!, got.y0!), kernels: await kernelsOf(model) };
}

type Options = Pick<WeightOnlyOptions, 'weights'> & Partial<WeightOnlyOptions>;

/** float32 sums in another order differ by so little. */
const SAME_DB = 110;

describe('MatMulNBits computes with exactly the weight that was quantized', () => {
  const cases = [2, 4, 8].flatMap((bits) =>
    [16, 32, 256].flatMap((block) => [true, false].map((symmetric) => [bits, block, symmetric] as const)),
  );
  test.each(cases)('%i bits, blocks of %i, symmetric %s', async (bits, block, symmetric) => {
    // 300 is no multiple of any block.
    const inputs = [randomTensor(1, 3, 300), randomTensor(2, 300, 24)];
    const weights = blocks(bits as 2 | 4 | 8, block, symmetric);
    const { sqnr, kernels } = await exact({ op: 'MatMul', fed: [0] }, inputs, 1, { weights });
    expect(kernels).toEqual({ MatMulNBits: 1 });
    expect(sqnr).toBeGreaterThan(SAME_DB);
  });
});

test.each([
  { transB: 0, alpha: 1, beta: 1 },
  { transB: 1, alpha: 1, beta: 1 },
  { transB: 1, transA: 1, alpha: -0.5, beta: 3 },
])('Gemm keeps its meaning: %o', async ({ transA = 0, transB, alpha, beta }) => {
  const attributes = { transA, transB, alpha: floatAttribute(alpha), beta: floatAttribute(beta) };
  const x = transA ? randomTensor(1, 100, 3) : randomTensor(1, 3, 100);
  const w = transB ? randomTensor(2, 24, 100) : randomTensor(2, 100, 24);
  const node: OneNode = { op: 'Gemm', attributes, fed: [0] };
  for (const carrier of ['MatMulNBits', 'DequantizeLinear'] as const) {
    const inputs = [x, w, randomTensor(3, 24)];
    const { sqnr } = await exact(node, inputs, 1, { weights: blocks(4, 32, false), carrier });
    expect(sqnr).toBeGreaterThan(SAME_DB);
  }
});

test('short rows get short blocks', async () => {
  const inputs = [randomTensor(1, 3, 20), randomTensor(2, 20, 24)];
  const { model, sqnr } = await exact({ op: 'MatMul', fed: [0] }, inputs, 1, {
    weights: blocks(4, 128, true),
  });
  const [node] = [...model.graph.nodes].filter((n) => n.op === 'MatMulNBits');
  expect(node!.int('block_size')).toBe(32);
  expect(sqnr).toBeGreaterThan(SAME_DB);
});

test.each([
  ['int8 per channel', { format: 'int8', granularity: 'per-channel', symmetric: true }, 13],
  ['uint8 per channel', { format: 'uint8', granularity: 'per-channel', symmetric: false }, 13],
  ['int4 in blocks', { format: 'int4', granularity: 'per-group', blockSize: 32, symmetric: true }, 21],
  ['uint4 in blocks', { format: 'uint4', granularity: 'per-group', blockSize: 32, symmetric: true }, 21],
  ['int2 in blocks', { format: 'int2', granularity: 'per-group', blockSize: 32, symmetric: true }, 25],
  [
    'uint4 with zero points',
    { format: 'uint4', granularity: 'per-group', blockSize: 32, symmetric: false },
    21,
  ],
] as const)('the standard form is exact and fused: %s', async (_, weights, opset) => {
  const inputs = [randomTensor(1, 3, 96), randomTensor(2, 96, 23)];
  const node: OneNode = { op: 'MatMul', opset: 13, fed: [0] };
  const { sqnr, kernels, model } = await exact(node, inputs, 1, { weights, carrier: 'DequantizeLinear' });
  expect(model.opset).toBe(opset);
  expect(kernels).toEqual({ MatMulNBits: 1 });
  expect(sqnr).toBeGreaterThan(SAME_DB);
});

describe('GatherBlockQuantized gives exactly the rows that were quantized', () => {
  const indices = tensor('int64', [2, 2], BigInt64Array.of(3n, 0n, 49n, 7n));
  const cases = [2, 4, 8].flatMap((bits) =>
    [100, 72, 33].flatMap((width) => [true, false].map((symmetric) => [bits, width, symmetric] as const)),
  );
  test.each(cases)('%i bits, rows of %i, symmetric %s', async (bits, width, symmetric) => {
    const node: OneNode = { op: 'Gather', fed: [1] };
    const weights = blocks(bits as 2 | 4 | 8, 32, symmetric);
    const { sqnr, quantized } = await exact(node, [randomTensor(1, 50, width), indices], 0, { weights });
    // Rows that do not fill whole bytes get 8 bits.
    expect(quantized[0]!.format).toBe((width * bits) % 8 === 0 ? `uint${bits}` : 'uint8');
    expect(sqnr).toBeGreaterThan(SAME_DB);
  });
});

test.each([
  ['Conv', [randomTensor(1, 1, 8, 9, 9), randomTensor(2, 16, 8, 3, 3)], {}],
  ['Conv of groups', [randomTensor(1, 1, 32, 9, 9), randomTensor(2, 32, 1, 3, 3)], { group: 32 }],
  ['ConvTranspose', [randomTensor(1, 1, 8, 9, 9), randomTensor(2, 8, 16, 3, 3)], {}],
  [
    'LSTM',
    [randomTensor(1, 7, 2, 12), randomTensor(2, 1, 64, 12), randomTensor(3, 1, 64, 16)],
    { hidden_size: 16 },
  ],
  [
    'GRU',
    [randomTensor(1, 7, 2, 12), randomTensor(2, 1, 48, 12), randomTensor(3, 1, 48, 16)],
    { hidden_size: 16 },
  ],
] as const)('%s: int8 weights are folded when the model is loaded', async (name, inputs, attributes) => {
  const op = name.split(' ')[0]!;
  const model = oneNode({ op, attributes, fed: [0] }, ...inputs);
  const feeds = feedsOf({ op, fed: [0] }, ...inputs);
  const wanted = await runModel(model, feeds);
  const weights = { format: 'int8', granularity: 'per-channel', symmetric: true } as const;
  const { quantized } = await lowerWeightOnly(model, { quantizer, weights });
  expect(quantized.map((q) => q.codeBytes)).toEqual(inputs.slice(1).map((t) => elementCount(t.dims)));
  expect(sqnrDb(wanted.y0!, (await runModel(model, feeds, 'all')).y0!)).toBeGreaterThan(30);
  expect(await kernelsOf(model)).toEqual({ [op]: 1 });
});

test('4 bits leave layers without a 4-bit kernel as they are, or take them in 8', async () => {
  const inputs = [randomTensor(1, 1, 8, 9, 9), randomTensor(2, 16, 8, 3, 3)];
  const kept = await lowerWeightOnly(oneNode({ op: 'Conv', fed: [0] }, ...inputs), {
    quantizer,
    weights: blocks(4, 32, true),
  });
  expect(kept.quantized).toEqual([]);
  expect(kept.kept[0]!.why).toMatchInlineSnapshot(
    `"there is no 4-bit kernel for Conv, only for products and embeddings"`,
  );
  const stored = await lowerWeightOnly(oneNode({ op: 'Conv', fed: [0] }, ...inputs), {
    quantizer,
    weights: blocks(4, 32, true),
    others: 'int8',
  });
  expect(stored.quantized.map((q) => q.format)).toEqual(['int8']);
});

test('forms with a slow kernel are named', async () => {
  const notes = async (weights: SchemeTemplate, accuracyLevel: 0 | 4) => {
    const model = oneNode({ op: 'MatMul', fed: [0] }, randomTensor(1, 3, 64), randomTensor(2, 64, 24));
    return (await lowerWeightOnly(model, { quantizer, weights, accuracyLevel })).notes;
  };
  expect(await notes(blocks(4, 32, true), 0)).toEqual([]);
  expect(await notes(blocks(8, 32, true), 4)).toEqual([]);
  expect([await notes(blocks(8, 32, true), 0), await notes(blocks(2, 16, true), 4)]).toMatchInlineSnapshot(`
    [
      [
        "8-bit products at accuracy level 0 run up to 20 times slower than float; level 4 is fast.",
      ],
      [
        "2-bit products in blocks of 16 run up to 15 times slower than float; blocks of 64 are fast.",
      ],
    ]
  `);
});

test('bytes are those of the constants in the model', async () => {
  const inputs = [randomTensor(1, 3, 300), randomTensor(2, 300, 24)];
  for (const weights of [blocks(4, 32, false), blocks(2, 64, true), blocks(8, 16, false)]) {
    const model = oneNode({ op: 'MatMul', fed: [0] }, ...inputs);
    const { quantized } = await lowerWeightOnly(model, { quantizer, weights });
    const [q] = quantized;
    expect(q!.codeBytes + q!.scaleBytes + q!.zeroPointBytes).toBe(
      [...model.graph.initializers.values()].reduce((sum, w) => sum + (w as Weight).byteLength, 0),
    );
  }
});

test('a large weight in tiles of rows gives the bytes of the whole', async () => {
  // Just over the size from which weights are tiled; rows are cut on whole blocks.
  const dims = [8448, 512];
  const values = randomTensor(5, 8448).data;
  const weight = tensor(
    'float32',
    dims,
    Float32Array.from({ length: 8448 * 512 }, (_, i) => values[i % 8447]!),
  );
  const seen: number[] = [];
  const build = async (byRows: boolean) => {
    const watched: WeightQuantizer = Object.assign(
      async (request: Parameters<WeightQuantizer>[0]) => {
        seen.push(request.weight.dims[0]!);
        return quantizer(request);
      },
      { byRows },
    );
    const model = oneNode({ op: 'MatMul', fed: [0] }, randomTensor(1, 1, 8448), weight);
    const weights = { ...blocks(8, 128, false), symmetric: false };
    await lowerWeightOnly(model, { quantizer: watched, weights });
    return bytesOfConstants(model);
  };
  const whole = await build(false);
  const tiled = await build(true);
  expect(seen).toEqual([8448, 8192, 256]);
  for (const [name, bytes] of whole) expect(Buffer.compare(tiled.get(name)!, bytes), name).toBe(0);
});

async function bytesOfConstants(model: Model): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const [name, weight] of model.graph.initializers) {
    const { data } = await loadWeight(weight as Weight);
    const view = data as Uint8Array;
    found.set(name, new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice());
  }
  return found;
}
