import { expect, test } from 'vitest';
import { memoryTensor, type TensorSource } from '../files/index.ts';
import { decodeE4m3fn, encodeE4m3fn } from '../numerics/index.ts';
import { seededRandom } from '../tensor/index.ts';
import { withoutFloat8 } from './scaled-float8.ts';

const random = seededRandom(3);
const values = (count: number) => Float32Array.from({ length: count }, () => 4 * random() - 2);
const raw = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** A tensor of 8-bit floats, its decoded values, and its factors. */
function scaled(shape: readonly number[], scaleShape: readonly number[], suffix: string) {
  const count = shape.reduce((a, b) => a * b, 1);
  const codes = encodeE4m3fn(values(count));
  const factors = values(scaleShape.reduce((a, b) => a * b, 1));
  const tensors = new Map<string, TensorSource>([
    ['w', memoryTensor('w', shape, 'float8e4m3fn', codes)],
    [`w${suffix}`, memoryTensor(`w${suffix}`, scaleShape, 'float32', raw(factors))],
  ]);
  return { tensors, decoded: decodeE4m3fn(codes), factors };
}

/** Which factor value i of row r of matrix m has. */
type FactorOf = (m: number, r: number, i: number) => number;

const layouts: readonly (readonly [string, number[], number[], string, FactorOf, number[]?])[] = [
  ['one for the tensor', [6, 10], [], '_scale', () => 0],
  ['one for the tensor, as [1]', [6, 10], [1], '_scale', () => 0],
  ['one per row', [6, 10], [6], '_scale', (_, r) => r],
  ['one per row, as a column', [6, 10], [6, 1], '_scale', (_, r) => r],
  ['one per matrix of a stack', [3, 4, 10], [3], '_scale', (m) => m],
  ['one per row of a stack', [3, 4, 10], [3, 4, 1], '_scale', (m, r) => 4 * m + r],
  [
    'blocks, cut off',
    [6, 10],
    [2, 3],
    '_scale_inv',
    (_, r, i) => 3 * Math.floor(r / 4) + Math.floor(i / 4),
    [4, 4],
  ],
  [
    'blocks of a stack',
    [2, 6, 10],
    [2, 2, 3],
    '_scale_inv',
    (m, r, i) => 6 * m + 3 * Math.floor(r / 4) + Math.floor(i / 4),
    [4, 4],
  ],
  ['blocks of 128 where nothing is said', [130, 8], [2, 1], '_scale_inv', (_, r) => Math.floor(r / 128)],
];

test.for(layouts)('%s', async ([, shape, scaleShape, suffix, factorOf, blockSize]) => {
  const { tensors, decoded, factors } = scaled(shape, scaleShape, suffix);
  const result = withoutFloat8(tensors, 'config.json', blockSize);
  expect([...result.keys()]).toEqual(['w']);
  const tensor = result.get('w')!;
  expect(tensor.type).toBe('float32');
  const [height, width] = [shape.at(-2)!, shape.at(-1)!];
  const rows = decoded.length / width;
  const wanted = decoded.map((value, at) => {
    const row = Math.floor(at / width);
    return value * factors[factorOf(Math.floor(row / height), row % height, at % width)]!;
  });
  const got = (await tensor.read(0, rows)).slice();
  expect(new Float32Array(got.buffer)).toEqual(wanted);
  const middle = (await tensor.read(1, rows - 1)).slice();
  expect(new Float32Array(middle.buffer)).toEqual(wanted.subarray(width, (rows - 1) * width));
});

test('factors of activations are dropped with those of weights, and other tensors stay', () => {
  const { tensors } = scaled([6, 10], [], '_scale');
  const all = new Map(tensors);
  all.set('a.input_scale', memoryTensor('a.input_scale', [], 'float32', raw(values(1))));
  all.set('a.k_scale', memoryTensor('a.k_scale', [], 'float32', raw(values(1))));
  all.set('n', memoryTensor('n', [4], 'float32', raw(values(4))));
  expect([...withoutFloat8(all, 'config.json').keys()]).toEqual(['w', 'n']);
});

test('factors that fit no layout are refused', () => {
  const { tensors } = scaled([6, 10], [5], '_scale_inv');
  expect(() => withoutFloat8(tensors, 'config.json')).toThrow(
    "Tensor 'w_scale_inv' has the shape [5], but it holds the factors of 'w' [6, 10]: one for all, one per row or one per block (weight_block_size in config.json). Save the checkpoint again, or take the unquantized one.",
  );
});
