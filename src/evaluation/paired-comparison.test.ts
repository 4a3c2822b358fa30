import { expect, test } from 'vitest';
import { mean } from './intervals.ts';
import { mcNemar, pairedBootstrap } from './paired-comparison.ts';

const rights = (count: number, from: number, to: number) =>
  Float64Array.from({ length: count }, (_, i) => (i >= from && i < to ? 1 : 0));

test('McNemar counts the samples on which the models differ', () => {
  // 10 only by the first, 2 only by the second: 2 (C(12,0) + C(12,1) + C(12,2)) / 2^12.
  const first = rights(100, 0, 60);
  const second = rights(100, 10, 62);
  const test = mcNemar(first, second);
  expect(test).toEqual({
    onlyFirst: 10,
    onlySecond: 2,
    pValue: expect.closeTo((2 * (1 + 12 + 66)) / 4096, 12),
  });
});

test('McNemar of equal models is 1, and large counts stay finite', () => {
  expect(mcNemar(rights(10, 0, 5), rights(10, 0, 5)).pValue).toBe(1);
  const { pValue } = mcNemar(rights(40_000, 0, 20_000), rights(40_000, 20_000, 40_000));
  expect(pValue).toBe(1);
  expect(mcNemar(rights(10_000, 0, 6_000), rights(10_000, 6_000, 10_000)).pValue).toBeLessThan(1e-80);
});

test('the paired interval is far narrower than two separate ones', () => {
  const first = rights(2000, 0, 1000);
  const second = rights(2000, 10, 1000);
  const [low, high] = pairedBootstrap(first, second, mean);
  expect(low).toBeLessThan(-0.005);
  expect(high).toBeGreaterThan(-0.005);
  expect(high).toBeLessThan(0); // Ten of two thousand, all one way: visible, though each rate is +-2 points.
  expect(pairedBootstrap(first, first, mean)).toEqual([0, 0]);
});
