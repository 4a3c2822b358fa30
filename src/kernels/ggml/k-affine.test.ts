import { decodeBlocks, encodeBlocks } from 'lowbit/numerics';
import { seededRandom } from 'lowbit/tensor';
import { describe, expect, test } from 'vitest';
import { blockKernels } from './block-kernels.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { fitKAffine, roundKAffine, valueKAffine } from './k-affine-fit.ref.ts';
import { q2KFormat } from './q2_k.ref.ts';
import { q4KFormat } from './q4_k.ref.ts';
import { q5KFormat } from './q5_k.ref.ts';

const formats = { q2_k: q2KFormat, q4_k: q4KFormat, q5_k: q5KFormat };
const names = Object.keys(formats) as (keyof typeof formats)[];

function gaussian(count: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from(
    { length: count },
    () => 0.02 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

const errorOf = (a: Float32Array, b: Float32Array, weight: (i: number) => number = () => 1) =>
  a.reduce((sum, v, i) => sum + weight(i) * (v - b[i]!) ** 2, 0);

describe.each(names)('%s, best search', (name) => {
  const format = formats[name];
  const x = gaussian(256, 7);

  test('is fit, round and pack, and its values are what the bytes decode to', async () => {
    const weights = gaussian(256, 8).map(Math.abs);
    for (const importance of [undefined, weights]) {
      const parameters = fitKAffine(format, x, importance);
      const codes = Uint8Array.from(x, (v, i) => roundKAffine(format, parameters, i, v));
      const packed = new Uint8Array(format.bytes);
      format.pack(parameters, codes, packed);
      expect(packed).toEqual(await encodeBlocks(name, x, 256, { importance }));
      const values = Float32Array.from(codes, (code, i) => valueKAffine(format, parameters, i, code));
      expect(values).toEqual(await decodeBlocks(name, packed, 256));
      expect(format.unpack(packed, new Uint8Array(256))).toEqual(parameters);
    }
  });

  test('rounds every value to its nearest code', () => {
    const parameters = fitKAffine(format, x, undefined);
    x.forEach((v, i) => {
      const away = (code: number) => Math.abs(valueKAffine(format, parameters, i, code) - v);
      const code = roundKAffine(format, parameters, i, v);
      for (let other = 0; other <= format.top; other++) {
        expect(away(code)).toBeLessThanOrEqual(away(other) + 1e-8);
      }
    });
  });

  test('parameters are what can be stored', () => {
    const { d, dmin, scales, minima } = fitKAffine(format, x, undefined);
    for (const v of [d, dmin]) expect(halfValue(halfBits(v))).toBe(v);
    expect(Math.max(...scales, ...minima)).toBeLessThanOrEqual(format.scaleTop);
    expect(scales).toHaveLength(256 / format.group);
  });

  test('stays finite where ggml stores an infinite scale', async () => {
    const huge = x.map((v) => v * 1e9);
    const decode = async (search: 'reference' | 'best') =>
      decodeBlocks(name, await encodeBlocks(name, huge, 256, { search }), 256);
    expect((await decode('reference')).every(Number.isFinite)).toBe(false);
    expect((await decode('best')).every(Number.isFinite)).toBe(true);
  });

  test('a group without weight is fitted as it lies, a block without weight as if all were equal', async () => {
    const { group } = format;
    const weights = new Float32Array(256).fill(1);
    weights.fill(0, group, 2 * group);
    const decoded = await decodeBlocks(name, await encodeBlocks(name, x, 256, { importance: weights }), 256);
    const part = x.subarray(group, 2 * group);
    const step = (Math.max(...part) - Math.min(...part)) / format.top;
    part.forEach((v, i) => {
      expect(Math.abs(v - decoded[group + i]!)).toBeLessThan(step);
    });
    const none = new Float32Array(256);
    expect(await encodeBlocks(name, x, 256, { importance: none })).toEqual(await encodeBlocks(name, x, 256));
  });

  test('what does not matter is given up for what does', async () => {
    const weights = Float32Array.from({ length: 256 }, (_, i) => (i % 4 === 0 ? 100 : 1));
    const error = async (importance?: Float32Array) => {
      const bytes = await encodeBlocks(name, x, 256, { importance });
      return errorOf(x, await decodeBlocks(name, bytes, 256), (i) => weights[i]!);
    };
    expect(await error(weights)).toBeLessThan(0.9 * (await error()));
  });
});

test.each(names)(
  '%s: the kernel follows where a fit of near-equal values turns upside down',
  async (name) => {
    // Rounding noise puts the minimum above the largest value of some groups, and the scale below zero.
    const twin = await blockKernels[name].twin();
    for (let seed = 1; seed <= 40; seed++) {
      const values = gaussian(1024, seed).map((v) => -0.25 + 5e-4 * v);
      const importance = gaussian(1024, seed + 1000).map((v) => Math.exp(200 * v));
      const wanted = new Uint8Array(4 * formats[name].bytes);
      twin.encode(values, importance, 'reference', wanted);
      const options = { search: 'reference', importance } as const;
      expect([seed, await encodeBlocks(name, values, 1024, options)]).toEqual([seed, wanted]);
    }
  },
);

test.each([
  ['q2_k', 0.8],
  ['q4_k', 0.955],
  ['q5_k', 0.9],
] as const)('%s has a lower error than reference search by more than noise', async (name, ratio) => {
  const x = gaussian(1 << 16, 3);
  const error = async (search: 'reference' | 'best') =>
    errorOf(x, await decodeBlocks(name, await encodeBlocks(name, x, 1024, { search }), x.length));
  expect((await error('best')) / (await error('reference'))).toBeLessThan(ratio);
});
