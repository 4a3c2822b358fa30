import { expect, test } from 'vitest';
import { bootstrapInterval, mean, normalInterval, quantile, wilsonInterval } from './intervals.ts';

test('Wilson intervals as tabulated', () => {
  // 8 of 10 and 0 of 10: the textbook values of the Wilson score interval without continuity correction.
  const [low, high] = wilsonInterval(8, 10);
  expect(low).toBeCloseTo(0.4902, 4);
  expect(high).toBeCloseTo(0.9433, 4);
  expect(wilsonInterval(0, 10)[0]).toBe(0);
  expect(wilsonInterval(0, 10)[1]).toBeCloseTo(0.2775, 4);
  expect(wilsonInterval(10, 10)[1]).toBeCloseTo(1, 12);
});

test('normal interval of a mean', () => {
  const values = Float64Array.of(1, 2, 3, 4, 5);
  const [low, high] = normalInterval(values)!;
  expect((low + high) / 2).toBeCloseTo(3, 12);
  expect(high - low).toBeCloseTo(2 * 1.959964 * Math.sqrt(2.5 / 5), 5);
  expect(normalInterval(Float64Array.of(1))).toBeUndefined();
});

test('quantiles lie between neighbours', () => {
  const sorted = Float64Array.of(0, 10, 20, 30);
  expect(quantile(sorted, 0)).toBe(0);
  expect(quantile(sorted, 0.5)).toBe(15);
  expect(quantile(sorted, 1)).toBe(30);
});

test('the bootstrap is repeatable and agrees with theory', () => {
  const values = Float64Array.from({ length: 400 }, (_, i) => i % 2);
  const statistic = (drawn: Int32Array) => mean(Float64Array.from(drawn, (i) => values[i]!));
  const [low, high] = bootstrapInterval(400, statistic);
  expect(bootstrapInterval(400, statistic)).toEqual([low, high]);
  // Standard error of a fair rate over 400 samples: 0.025.
  expect(low).toBeGreaterThan(0.5 - 0.06);
  expect(low).toBeLessThan(0.5 - 0.04);
  expect(high).toBeGreaterThan(0.5 + 0.04);
  expect(high).toBeLessThan(0.5 + 0.06);
});
