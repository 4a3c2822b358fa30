import { describe, expect, test } from 'vitest';
import { LowbitError } from '../tensor/index.ts';
import { checkLimit, parseLimit } from './limits.ts';
import type { MetricFigure } from './metrics.ts';

const top1 = (value: number): MetricFigure => ({
  name: 'top-1',
  value,
  kind: 'rate',
  higherIsBetter: true,
  samples: 1000,
});
const mse = (value: number): MetricFigure => ({
  name: 'mse',
  value,
  kind: 'error',
  higherIsBetter: false,
  samples: 1000,
});

function message(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof LowbitError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a largest drop', () => {
  test('is in percentage points for rates', () => {
    const limit = parseLimit('0.5%');
    const check = (after: number) => checkLimit(limit, { baseline: [top1(0.9)], candidate: [top1(after)] });
    expect(check(0.895)).toMatchObject({ text: '0.5%', metric: 'top-1', met: true, value: 0.895 });
    expect(check(0.895).drop).toBeCloseTo(0.5, 9);
    expect(check(0.8949).met).toBe(false);
    expect(check(0.95)).toMatchObject({ met: true, drop: expect.closeTo(-5, 9) });
  });

  test('is relative for errors', () => {
    const limit = parseLimit('2 %');
    const check = (after: number) => checkLimit(limit, { baseline: [mse(0.5)], candidate: [mse(after)] });
    expect(check(0.51)).toMatchObject({ met: true, drop: expect.closeTo(2, 9) });
    expect(check(0.511).met).toBe(false);
    expect(checkLimit(limit, { baseline: [mse(0)], candidate: [mse(0)] })).toMatchObject({
      met: true,
      drop: 0,
    });
    expect(checkLimit(limit, { baseline: [mse(0)], candidate: [mse(1)] }).met).toBe(false);
  });
});

test('a bound on a metric', () => {
  const candidate = [top1(0.9), mse(0.02)];
  expect(checkLimit(parseLimit('top-1>=0.9'), { candidate })).toEqual({
    text: 'top-1>=0.9',
    metric: 'top-1',
    met: true,
    value: 0.9,
  });
  expect(checkLimit(parseLimit('top-1 >= 90.1%'), { candidate }).met).toBe(false);
  expect(checkLimit(parseLimit('mse<=0.02'), { candidate }).met).toBe(true);
  expect(checkLimit(parseLimit('mse<=.019'), { candidate }).met).toBe(false);
});

test('what is not clear is refused', () => {
  expect(message(() => parseLimit('0.5'))).toMatchInlineSnapshot(
    `"Limit '0.5' is a bare number, and nobody can tell a fraction from points. Write '0.5%': percentage points for rates (accuracy, F1), relative percent for errors."`,
  );
  expect(message(() => parseLimit('a bit'))).toMatchInlineSnapshot(
    `"Limit 'a bit' cannot be read. Write a largest drop as '0.5%', or a bound on a metric as 'top-1>=0.9' or 'mse<=0.02'."`,
  );
  for (const text of ['', '-1', '-1%', 'top-1>0.9', 'top-1>=', '1e999%', '>=0.9']) {
    expect(message(() => parseLimit(text))).toContain('cannot be read');
  }
  expect(message(() => checkLimit(parseLimit('f1>=0.9'), { candidate: [top1(1)] }))).toMatchInlineSnapshot(
    `"Limit 'f1>=0.9' needs f1, which was not measured. Measured: top-1. Give evaluation data with labels, or name a measured metric."`,
  );
  expect(message(() => checkLimit(parseLimit('1%'), { candidate: [] }))).toMatchInlineSnapshot(
    `"Limit '1%' needs a metric, which was not measured. Measured: nothing. Give evaluation data with labels, or name a measured metric."`,
  );
});

test('a bound that nothing can meet, and a metric that nobody knows, are refused before any work', () => {
  expect(() => parseLimit('top-1>=90')).toThrow(
    "Limit 'top-1>=90' asks for 9000 %: a rate lies between 0 and 1. Write it as a fraction (0.9) or in percent (90%).",
  );
  expect(() => parseLimit('acc>=0.9')).toThrow("Unknown metric 'acc'.");
});
