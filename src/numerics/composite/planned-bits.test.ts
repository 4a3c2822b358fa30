import { expect, test } from 'vitest';
import { compositeBits, parseScheme, plannedBits, quantizeComposite, schemeAt } from '../index.ts';

test('what a scheme would take is what it takes', async () => {
  const dims = [24, 80];
  const values = Float32Array.from({ length: 24 * 80 }, (_, i) => Math.sin(i * i));
  const axes = { channel: 0, group: 1 };
  for (const text of [
    'int4/64',
    'int4/32:asymmetric',
    'uint4/16:asymmetric,zero=real,scale=float16',
    'kmeans4/1',
    'kmeans3/channel:scale=bfloat16',
    'vq4x4/3',
    'mxfp4',
    'float16',
    'int8/channel+outliers=0.5%',
    'int4/64+lowrank=100000',
    'e4m3fn/8x16',
  ]) {
    const scheme = schemeAt(parseScheme(text), axes);
    const { perWeight } = compositeBits(await quantizeComposite(values, dims, scheme));
    expect(plannedBits(scheme, dims), text).toBeCloseTo(perWeight, 6);
  }
  const double = schemeAt(parseScheme('nf4/64+double'), axes);
  const stored = compositeBits(await quantizeComposite(values, dims, double));
  // The mean of the scales is one float more.
  expect(plannedBits(double, dims) * values.length + 32).toBeCloseTo(stored.total, 6);
  expect(plannedBits(schemeAt(parseScheme('kmeans4/1'), axes), dims)).toBe(516);
  expect(() => parseScheme('int4/3000000000')).toThrow("'3000000000' is no size of a group");
  expect(() => parseScheme('int4/128x3000000000')).toThrow('is no size of a group');
});
