import { expect, test } from 'vitest';
import { bell } from '../../kernels/random-values.test-data.ts';
import {
  type CompositeScheme,
  compositeBits,
  compositeError,
  decodeFloat16,
  dequantizeComposite,
  encodeFloat16,
  type OutlierChoice,
  perChannel,
  perGroup,
  type QuantizeCompositeOptions,
  quantizeComposite,
  quantizeTensor,
} from '../index.ts';
import { largestScores } from './largest-scores.ts';

const half = (x: number) => decodeFloat16(encodeFloat16([x]))[0]!;
const int4 = { format: 'int4', symmetric: true, granularity: perGroup(1, 16) } as const;

const compose = (
  values: Float32Array,
  dims: readonly number[],
  outliers: OutlierChoice,
  options?: QuantizeCompositeOptions,
  scheme: CompositeScheme = int4,
) => quantizeComposite(values, dims, { ...scheme, outliers }, options);

test('the largest scores are those of a sort', () => {
  for (const scores of [
    bell(5000).map(Math.abs),
    bell(300, 2).map((x) => Math.abs(Math.round(x * 3))),
    new Float32Array(40),
    Float32Array.of(3, -0, 1e-45, 3.4e38, 0, 1e-45, 3),
  ]) {
    const order = [...scores.keys()].sort((i, j) => scores[j]! - scores[i]! || i - j);
    for (const count of [0, 1, 2, 3, 7, 39, scores.length, scores.length + 5]) {
      const wanted = order.slice(0, count).sort((i, j) => i - j);
      expect([...largestScores(scores, count)]).toEqual(wanted);
    }
  }
});

test('by count: the largest magnitudes stay float16, and ranges forget them', async () => {
  const values = Float32Array.from({ length: 64 }, (_, i) => ((i % 7) - 3) / 3);
  values[5] = 100;
  values[40] = -77.7;
  const q = await compose(values, [4, 16], { by: 'count', part: 2 / 64 });
  expect([...q.outliers!.at]).toEqual([5, 40]);
  expect(q.outliers!.columns).toBe(false);
  expect([...decodeFloat16(q.outliers!.values)]).toEqual([100, half(-77.7)]);
  const back = dequantizeComposite(q);
  expect([back[5], back[40]]).toEqual([100, half(-77.7)]);
  expect(q.base.scale.every((scale) => Math.abs(scale) < 0.2)).toBe(true);
  const without = values.slice();
  without[5] = without[40] = 0;
  expect(q.base).toEqual(await quantizeTensor(without, [4, 16], int4));
});

test('by threshold: what lies above so many standard deviations', async () => {
  // 96 values of +-1 and 4 of +-7: mean 0, variance (96 + 4 x 49) / 100 = 2.92, deviation 1.709.
  const values = Float32Array.from({ length: 100 }, (_, i) => (i % 2 ? 1 : -1) * (i % 25 === 0 ? 7 : 1));
  values[0] = 7;
  values[25] = -7;
  values[50] = 7;
  values[75] = -7;
  const at = async (deviations: number) => [
    ...(await compose(values, [4, 25], { by: 'threshold', deviations })).outliers!.at,
  ];
  expect(await at(4.09)).toEqual([0, 25, 50, 75]);
  expect(await at(4.1)).toEqual([]);
});

test('by sensitivity: the weighted error is below that of as many by count', async () => {
  const dims = [64, 128];
  const values = bell(8192, 21);
  const importance = bell(8192, 22).map((x, i) => (i % 128 < 8 ? 30 : 1) * x * x);
  const weighted = async (by: 'count' | 'sensitivity') => {
    const back = dequantizeComposite(await compose(values, dims, { by, part: 0.01 }, { importance }));
    return values.reduce((sum, x, i) => sum + importance[i]! * (x - back[i]!) ** 2, 0);
  };
  const [count, sensitivity] = [await weighted('count'), await weighted('sensitivity')];
  expect(sensitivity).toBeLessThan(0.95 * count);
  // Without importance, and with ranges that clip nothing, it still finds the values that widen the ranges.
  const planted = bell(8192, 23, 8193);
  for (const i of [17, 1000, 8000]) planted[i] = 40;
  const q = await compose(planted, dims, { by: 'sensitivity', part: 3 / 8192 }, { range: 'min-max' });
  expect([...q.outliers!.at]).toEqual([17, 1000, 8000]);
});

test('more outliers, less error: 0.5 % of heavy tails are worth decibels', async () => {
  const values = bell(64 * 256, 31, 199);
  const sqnr = async (part: number) =>
    compositeError(values, await compose(values, [64, 256], { by: 'count', part })).sqnrDb;
  const [none, some, more] = [await sqnr(0), await sqnr(0.005), await sqnr(0.02)];
  expect(some).toBeGreaterThan(none + 2);
  expect(more).toBeGreaterThan(some);
});

test('whole input columns, on any axis, by the weight or by given magnitudes', async () => {
  const dims = [3, 5, 4];
  const values = bell(60, 41);
  for (const axis of [0, 1, 2]) {
    const size = dims[axis]!;
    const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    const column = (i: number) => Math.floor(i / inner) % size;
    const magnitudes = Array.from({ length: size }, (_, c) => (c % 2 === 1 ? 7 : 5));
    const scheme = { format: 'int8', symmetric: true, granularity: perChannel(0) } as const;
    const choice = { by: 'column', magnitude: 6, axis } as const;
    const q = await compose(values, dims, choice, { columnMagnitudes: magnitudes }, scheme);
    const kept = [...magnitudes.keys()].filter((c) => c % 2 === 1);
    expect([...q.outliers!.at]).toEqual(kept);
    expect(q.outliers!.columns).toBe(true);
    // [columns kept, all other axes row-major]
    const wanted = kept.flatMap((c) => [...values].filter((_, i) => column(i) === c));
    expect([...decodeFloat16(q.outliers!.values)]).toEqual(wanted.map(half));
    const back = dequantizeComposite(q);
    for (const [i, x] of values.entries()) if (kept.includes(column(i))) expect(back[i]).toBe(half(x));
    const { outliers } = compositeBits(q);
    expect(outliers).toBe(kept.length * (32 + (16 * 60) / size));
  }
  const planted = bell(60, 42).map((x) => x / 10);
  planted[2] = -9;
  planted[7] = 6;
  const q = await compose(planted, [6, 10], { by: 'column', magnitude: 6 });
  expect([...q.outliers!.at]).toEqual([2]);
});

test('formats without a zero: the sum is still the value', async () => {
  const values = bell(256, 51);
  const scheme = { format: 'nf4', symmetric: true, granularity: perGroup(1, 16) } as const;
  const real = { format: 'uint4', symmetric: false, zero: 'real', granularity: perGroup(1, 16) } as const;
  for (const format of [scheme, real, { ...scheme, format: 'binary' }] as const) {
    const q = await compose(values, [16, 16], { by: 'count', part: 0.05 }, {}, format);
    const back = dequantizeComposite(q);
    expect(q.outliers!.at.length).toBe(13);
    for (const i of q.outliers!.at)
      expect(Math.abs(back[i]! - values[i]!)).toBeLessThan(Math.abs(values[i]!) / 500);
  }
});

test('choices that make no sense are refused', async () => {
  const values = Float32Array.of(1, 2, 1e6, 4);
  const refusal = (outliers: OutlierChoice, options: QuantizeCompositeOptions = {}) =>
    compose(values, [2, 2], outliers, { name: 'w', ...options }).then(
      () => 'taken',
      (error: Error) => error.message,
    );
  expect([
    await refusal({ by: 'count', part: 2 }),
    await refusal({ by: 'threshold', deviations: -1 }),
    await refusal({ by: 'column', magnitude: Number.NaN }),
    await refusal({ by: 'column', magnitude: 6, axis: 2 }),
    await refusal({ by: 'column', magnitude: 6 }, { columnMagnitudes: [1] }),
    await refusal({ by: 'count', part: 0.25 }),
  ]).toMatchInlineSnapshot(`
    [
      "The parts of the scheme do not fit w: the part of outliers is 2, not between 0 and 1. Change that part or leave it out.",
      "The parts of the scheme do not fit w: outliers lie above -1 standard deviations, which is not a positive number. Change that part or leave it out.",
      "The parts of the scheme do not fit w: the magnitude of outlier columns is NaN. Change that part or leave it out.",
      "Axis 2 of the scheme is not an axis of a tensor of shape [2, 2]; wanted 0 to 1. Choose one of those, or per-tensor.",
      "The parts of the scheme do not fit w: there are 1 column magnitudes for 2 columns. Change that part or leave it out.",
      "Value 2 of w is 1000000, which is too large for float16. Keep this tensor in a wider type, such as BF16 or F32.",
    ]
  `);
});

test('NaN and infinity are no outliers: they are refused by name, as elsewhere', async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
    for (const choice of [
      { by: 'count', part: 0.25 },
      { by: 'threshold', deviations: 1 },
      { by: 'sensitivity', part: 0.25 },
      { by: 'column', magnitude: 1 },
    ] as const) {
      const said = compose(Float32Array.of(1, bad, 2, 3), [2, 2], choice, { name: 'w' });
      await expect(said).rejects.toThrow(`Value 1 of w is ${bad}`);
    }
});
