import { expect, test } from 'vitest';
import { bell } from '../../kernels/random-values.test-data.ts';
import {
  compositeError,
  dequantizeComposite,
  dequantizeTensor,
  perGroup,
  quantizeComposite,
  quantizeTensor,
} from '../index.ts';
import { addLowRank, type LowRankOptions, lowRankOf } from './low-rank.ts';
import { dot, thinSvd } from './thin-svd.ts';

/** I - 2 v v^T / v^T v: orthogonal, [n, n]. */
function reflection(v: Float32Array): number[][] {
  const squares = v.reduce((sum, x) => sum + x * x, 0);
  return Array.from(v, (x, i) => Array.from(v, (y, j) => (i === j ? 1 : 0) - (2 * x * y) / squares));
}

/** A matrix whose singular values are known: reflection x diagonal x reflection. */
function ofSingularValues(rows: number, columns: number, sigma: readonly number[]): Float32Array {
  const U = reflection(bell(rows, 5));
  const V = reflection(bell(columns, 6));
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      out[i * columns + j] = sigma.reduce((sum, s, k) => sum + U[i]![k]! * s * V[k]![j]!, 0);
  return out;
}

function lossOf(E: Float32Array, dims: [number, number], rank: number, options?: LowRankOptions): number {
  const product = new Float32Array(E.length);
  addLowRank(lowRankOf(E, dims, rank, options), product);
  return E.reduce((sum, x, i) => sum + (x - product[i]!) ** 2, 0);
}

test('one-sided Jacobi: columns come back, vectors are orthonormal, values descend', () => {
  const columns = Array.from({ length: 9 }, (_, c) => Float64Array.from(bell(40, c + 1)));
  columns[4] = columns[2]!.map((x) => 2 * x);
  const was = columns.map((column) => column.slice());
  const { values, left, right } = thinSvd(columns);
  expect([...values]).toEqual([...values].sort((a, b) => b - a));
  expect(values[8]!).toBeLessThan(1e-13 * values[0]!);
  let worst = 0;
  for (let c = 0; c < 9; c++) {
    for (let i = 0; i < 40; i++) {
      const back = values.reduce((sum, s, k) => sum + s * left[k]![i]! * right[k]![c]!, 0);
      worst = Math.max(worst, Math.abs(back - was[c]![i]!));
    }
    for (let d = 0; d < 9; d++) {
      worst = Math.max(worst, Math.abs(dot(right[c]!, right[d]!) - (c === d ? 1 : 0)));
      if (c < 8 && d < 8) worst = Math.max(worst, Math.abs(dot(left[c]!, left[d]!) - (c === d ? 1 : 0)));
    }
  }
  expect(worst).toBeLessThan(1e-12);
});

test('the product reaches the bound of Eckart and Young', () => {
  const spectra: Record<string, (k: number) => number> = {
    steep: (k) => 2 ** -k,
    slow: (k) => 1 / (k + 1),
    'nearly flat': (k) => 1 - k / 100,
  };
  for (const [name, spectrum] of Object.entries(spectra)) {
    for (const [rows, columns] of [
      [30, 50],
      [50, 30],
    ] as const) {
      const sigma = Array.from({ length: 30 }, (_, k) => spectrum(k));
      const E = ofSingularValues(rows, columns, sigma);
      const all = sigma.reduce((sum, s) => sum + s * s, 0);
      for (const rank of [1, 4, 12]) {
        const bound = sigma.slice(rank).reduce((sum, s) => sum + s * s, 0);
        const loss = lossOf(E, [rows, columns], rank);
        // No product of this rank does better; float16 factors and the random subspace cost little.
        expect(loss, name).toBeGreaterThan(bound * (1 - 1e-5) - 1e-6 * all);
        expect(loss, name).toBeLessThan(bound * 1.015 + 1e-6 * all);
      }
    }
  }
});

test('full rank gives everything back; a matrix of zeros and one of rank 2 have few factors', () => {
  const E = bell(12 * 7, 3);
  const all = E.reduce((sum, x) => sum + x * x, 0);
  expect(lossOf(E, [12, 7], 100)).toBeLessThan(1e-6 * all);
  expect(lowRankOf(E, [12, 7], 100).rank).toBe(7);
  expect(lossOf(new Float32Array(84), [12, 7], 3)).toBe(0);
  const two = ofSingularValues(20, 30, [5, 3]);
  expect(lossOf(two, [20, 30], 6)).toBeLessThan(1e-6 * 34);
  expect(lowRankOf(new Float32Array(0), [0, 5], 3)).toMatchObject({ rank: 0 });
});

test('the same seed, the same factors', () => {
  const E = bell(40 * 60, 8);
  expect(lowRankOf(E, [40, 60], 4)).toEqual(lowRankOf(E, [40, 60], 4));
  expect(lowRankOf(E, [40, 60], 4, { seed: 2 })).not.toEqual(lowRankOf(E, [40, 60], 4));
});

test('weights of rows and columns lower the weighted error', () => {
  const [rows, columns] = [40, 60];
  const E = bell(rows * columns, 13);
  const rowWeights = bell(rows, 14).map((x) => 0.1 + Math.abs(x));
  const columnWeights = bell(columns, 15).map((x) => 0.1 + x * x);
  columnWeights[3] = 0;
  const loss = (options?: LowRankOptions) => {
    const product = new Float32Array(E.length);
    addLowRank(lowRankOf(E, [rows, columns], 5, options), product);
    const weight = (i: number) => rowWeights[Math.floor(i / columns)]! * columnWeights[i % columns]!;
    return E.reduce((sum, x, i) => sum + (weight(i) * (x - product[i]!)) ** 2, 0);
  };
  expect(loss({ rowWeights, columnWeights })).toBeLessThan(0.9 * loss());
  expect(loss({ columnWeights })).toBeLessThan(loss());
});

test('what rounding lost is taken up: each rank lowers the error of a composite', async () => {
  const dims = [64, 96];
  const values = bell(64 * 96, 17);
  const scheme = { format: 'int3', symmetric: true, granularity: perGroup(1, 32) } as const;
  const mse = async (rank: number) =>
    compositeError(values, await quantizeComposite(values, dims, { ...scheme, lowRank: { rank } })).mse;
  const plain = dequantizeTensor(await quantizeTensor(values, dims, scheme));
  const none = values.reduce((sum, x, i) => sum + (x - plain[i]!) ** 2, 0) / values.length;
  const [four, sixteen, all] = [await mse(4), await mse(16), await mse(64)];
  expect(four).toBeLessThan(none * 0.95);
  expect(sixteen).toBeLessThan(four);
  expect(all).toBeLessThan(none * 1e-5);
});

test('with outliers beside it, values kept apart stay exact to float16', async () => {
  const values = bell(64 * 96, 19);
  const q = await quantizeComposite(values, [64, 2, 48], {
    format: 'int2',
    symmetric: true,
    granularity: perGroup(2, 16),
    outliers: { by: 'count', part: 0.02 },
    lowRank: { rank: 8 },
  });
  const back = dequantizeComposite(q);
  for (const i of q.outliers!.at)
    expect(Math.abs(back[i]! - values[i]!)).toBeLessThan(Math.abs(values[i]!) * 2 ** -10);
  // Rows are the first axis, columns all others.
  expect([q.lowRank!.left.length, q.lowRank!.right.length]).toEqual([64 * 8, 8 * 96]);
});

test('a rank that is none is refused', async () => {
  const scheme = {
    format: 'int4',
    symmetric: true,
    granularity: perGroup(0, 16),
    lowRank: { rank: 1.5 },
  } as const;
  await expect(
    quantizeComposite(new Float32Array(4), [4], scheme),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: The parts of the scheme do not fit tensor: the rank 1.5 is no positive integer. Change that part or leave it out.]`,
  );
});

test('factors that float16 cannot hold are refused', async () => {
  const huge = bell(16 * 16, 23).map((x) => x * 1e20);
  const scheme = {
    format: 'int2',
    symmetric: true,
    granularity: perGroup(1, 16),
    lowRank: { rank: 2 },
  } as const;
  await expect(
    quantizeComposite(huge, [16, 16], scheme, { name: 'w' }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: The parts of the scheme do not fit w: its low-rank factors are too large for float16. Change that part or leave it out.]`,
  );
});
