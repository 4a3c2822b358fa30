import { expect, test } from 'vitest';
import { seededRandom } from '../../tensor/index.ts';
import { exactKMeans, meanOf } from './exact-k-means.ts';

/** The least cost over every way to cut the points into at most k runs. */
function byTrial(points: Float64Array, weights: Float64Array, k: number, from = 0): number {
  if (from === points.length) return 0;
  if (k === 0) return Number.POSITIVE_INFINITY;
  let least = Number.POSITIVE_INFINITY;
  for (let to = from + 1; to <= points.length; to++) {
    const mean = meanOf(points, weights, from, to);
    let cost = 0;
    for (let i = from; i < to; i++) cost += weights[i]! * (points[i]! - mean) ** 2;
    least = Math.min(least, cost + byTrial(points, weights, k - 1, to));
  }
  return least;
}

function costOf(levels: Float64Array, points: Float64Array, weights: Float64Array): number {
  return points.reduce(
    (sum, x, i) => sum + weights[i]! * Math.min(...Array.from(levels, (level) => (x - level) ** 2)),
    0,
  );
}

const distinct = (values: number[]) => Float64Array.from(new Set(values)).sort();

test('equals the best of every division, with weights, zeros among them', () => {
  const next = seededRandom(5);
  for (let trial = 0; trial < 300; trial++) {
    const n = 1 + Math.floor(next() * 11);
    const whole = trial % 3 === 0;
    const points = distinct(
      Array.from({ length: n }, () => (whole ? Math.floor(next() * 12) : next() * 10 - 5)),
    );
    const weights = Float64Array.from(points, () => (trial % 4 === 0 && next() < 0.4 ? 0 : next()));
    for (let k = 1; k <= Math.min(5, points.length); k++) {
      const { levels, cost, ends } = exactKMeans(points, weights, k);
      const least = byTrial(points, weights, k);
      expect(cost).toBeCloseTo(least, 9);
      expect(costOf(levels, points, weights)).toBeLessThanOrEqual(cost + 1e-12);
      expect(levels).toEqual(levels.slice().sort());
      expect(levels.length).toBe(k);
      expect(ends[k - 1]).toBe(points.length);
      expect(levels.every(Number.isFinite)).toBe(true);
    }
  }
});

test('as many levels as points, or more: the points', () => {
  const points = Float64Array.of(-2, 0.5, 7);
  for (const k of [3, 4, 16]) expect(exactKMeans(points, Float64Array.of(1, 0, 2), k).levels).toEqual(points);
  expect(exactKMeans(new Float64Array(0), new Float64Array(0), 4).levels.length).toBe(0);
});

test('ties: the first of equally good divisions', () => {
  const { levels, ends } = exactKMeans(Float64Array.of(0, 1, 2), Float64Array.of(1, 1, 1), 2);
  expect([...levels]).toEqual([0, 1.5]);
  expect([...ends]).toEqual([1, 3]);
});

test('a far outlier does not blur the rest', () => {
  for (const far of [1e30, -1e30]) {
    const points = Float64Array.of(...[far], 1, 1.25, 5, 5.5, 9).sort();
    const { levels } = exactKMeans(points, new Float64Array(6).fill(1), 4);
    expect([...levels].filter((x) => Math.abs(x) < 100)).toEqual([1.125, 5.25, 9]);
  }
});

test('weights scale the cost and nothing else', () => {
  const next = seededRandom(2);
  const points = Float64Array.from({ length: 400 }, () => next() ** 3).sort();
  const weights = points.map(() => next());
  const a = exactKMeans(points, weights, 13);
  const b = exactKMeans(
    points,
    weights.map((w) => w * 1024),
    13,
  );
  expect(b.levels).toEqual(a.levels);
  expect(b.cost / a.cost).toBeCloseTo(1024, 6);
});
