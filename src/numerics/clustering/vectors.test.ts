import { beforeAll, describe, expect, test } from 'vitest';
import { kernels, thresholdsOf } from '../../kernels/index.ts';
import { bell } from '../../kernels/random-values.test-data.ts';
import { seededRandom } from '../../tensor/index.ts';
import { additiveBooks } from './additive-books.ts';
import { exactKMeans } from './exact-k-means.ts';
import { plusPlusSeeds } from './k-means-plus-plus.ts';
import { evenSample, kMeansVectors } from './learn-vectors.ts';
import { lloyd } from './lloyd.ts';
import { sumSearch } from './nearest-sum.ts';
import { sortedPoints } from './sorted-points.ts';

beforeAll(async () => {
  await kernels();
});

const limits = { rounds: 50, gain: 0 };

describe('exact k-means never loses to Lloyd', () => {
  test.each([2, 3, 4, 8, 16, 50])('%i levels', (k) => {
    for (let seed = 1; seed <= 6; seed++) {
      const values = bell(700, seed, 41).map((x) => x / 8);
      const importance = seed % 2 ? undefined : values.map((_, i) => (i % 5 === 0 ? 0 : (i % 7) + 1));
      const weights = importance && Float64Array.from(importance);
      const summary = sortedPoints(values, importance);
      const { cost } = exactKMeans(summary.points, summary.weights, k);
      const start = plusPlusSeeds(values, weights, 1, k, seededRandom(seed));
      const local = lloyd(values, weights, 1, start, limits);
      // Lloyd's entries are float32 and its cost is of them, never below that of the means.
      expect(cost).toBeLessThanOrEqual(local.cost * (1 + 1e-9));
      // And not by an accident of measuring: the exact levels, rounded, still cost no more than a hair above.
      const levels = Float32Array.from(exactKMeans(summary.points, summary.weights, k).levels);
      const thresholds = thresholdsOf(levels, 64);
      const again = values.reduce((sum, x, i) => {
        const code = thresholds.reduce((n, t) => n + (x > t ? 1 : 0), 0);
        return sum + (weights ? weights[i]! : 1) * (x - levels[code]!) ** 2;
      }, 0);
      expect(again).toBeLessThanOrEqual(local.cost * (1 + 1e-5));
    }
  });
});

test('Lloyd: no round costs more, and no entry stays unused', () => {
  const vectors = bell(3000, 4).map((x) => x / 8);
  // Far from everything: all but one of these entries are empty at first.
  const start = new Float32Array(16 * 3).fill(50).map((x, i) => x + i);
  let before = Number.POSITIVE_INFINITY;
  for (let rounds = 0; rounds < 12; rounds++) {
    const { cost, codes } = lloyd(vectors, undefined, 3, start, { rounds, gain: 0 });
    expect(cost).toBeLessThanOrEqual(before);
    before = cost;
    if (rounds === 11) expect(new Set(codes).size).toBe(16);
  }
});

test('k-means++: different vectors, all of them when there are few, those of weight zero last', () => {
  const vectors = Float32Array.from({ length: 60 }, (_, i) => Math.floor(i / 2) % 5);
  const seeds = plusPlusSeeds(vectors, undefined, 2, 8, seededRandom(1));
  expect([...seeds].filter((_, i) => i % 2 === 0).sort()).toEqual([0, 1, 2, 3, 4]);
  const weights = Float64Array.from({ length: 30 }, (_, i) => (i % 5 === 3 ? 0 : 1));
  const weighed = plusPlusSeeds(vectors, weights, 2, 5, seededRandom(1));
  expect(weighed[8]).toBe(3);
  expect(kMeansVectors(vectors, weights, 2, 8, 0).cost).toBe(0);
});

test('the same seed gives the same book, another one another', () => {
  const vectors = bell(4000, 2).map((x) => x / 8);
  const a = kMeansVectors(vectors, undefined, 4, 16, 7);
  expect(kMeansVectors(vectors, undefined, 4, 16, 7).book).toEqual(a.book);
  expect(kMeansVectors(vectors, undefined, 4, 16, 8).book).not.toEqual(a.book);
});

test('clusters that lie apart are found', () => {
  const next = seededRandom(9);
  const centres = Float32Array.from({ length: 12 * 2 }, () => Math.round(next() * 20) / 20);
  const vectors = Float32Array.from({ length: 2400 }, (_, i) => {
    const c = Math.floor(i / 2) % 12;
    return centres[c * 2 + (i % 2)]! + (next() - 0.5) * 1e-3;
  });
  const { cost } = kMeansVectors(vectors, undefined, 2, 12, 1);
  expect(cost / 1200).toBeLessThan(1e-6);
});

test('an even sample has one vector of each run and its weight', () => {
  const vectors = Float32Array.from({ length: 1000 }, (_, i) => i);
  const weights = Float64Array.from({ length: 500 }, (_, i) => i);
  const sample = evenSample(vectors, weights, 2, 50, seededRandom(3));
  for (let i = 0; i < 50; i++) {
    expect(Math.floor(sample.vectors[2 * i]! / 20)).toBe(i);
    expect(sample.weights![i]).toBe(sample.vectors[2 * i]! / 2);
  }
});

test.each([
  [2, 3, 2],
  [3, 2, 3],
  [4, 4, 3],
  [4, 4, 4],
])('the nearest sum in %i dimensions, %i bits, %i books: as by trying all', (unit, bits, stages) => {
  const books = bell((stages << bits) * unit, 3).map((x) => x / 8);
  const count = 2 ** (18 - bits * stages);
  const vectors = bell(40 * unit, 6)
    .map((x) => x / 4)
    .subarray(0, count * unit);
  const codes = new Uint16Array(vectors.length / unit);
  sumSearch(books, stages, bits, unit).codes(vectors, codes);
  const distance = (i: number, code: number) => {
    let off = 0;
    for (let d = 0; d < unit; d++) {
      let sum = 0;
      for (let s = 0; s < stages; s++)
        sum += books[((s << bits) + ((code >> (s * bits)) & (2 ** bits - 1))) * unit + d]!;
      off += (vectors[i * unit + d]! - Math.fround(sum)) ** 2;
    }
    return off;
  };
  for (let i = 0; i < codes.length; i++) {
    let least = Number.POSITIVE_INFINITY;
    for (let code = 0; code < 2 ** (bits * stages); code++) least = Math.min(least, distance(i, code));
    expect(distance(i, codes[i]!)).toBeLessThanOrEqual(least * (1 + 1e-6));
  }
});

test('fitting all books at once beats stages alone', () => {
  const vectors = bell(6000, 11).map((x) => x / 16);
  const cost = (books: Float32Array) => {
    const codes = new Uint16Array(1500);
    sumSearch(books, 2, 4, 4).codes(vectors, codes);
    return codes.reduce((sum, code, i) => {
      for (let d = 0; d < 4; d++) {
        const value = books[(code & 15) * 4 + d]! + books[(16 + (code >> 4)) * 4 + d]!;
        sum += (vectors[i * 4 + d]! - value) ** 2;
      }
      return sum;
    }, 0);
  };
  const first = kMeansVectors(vectors, undefined, 4, 16, 1);
  const rest = vectors.map((x, i) => x - first.book[first.codes[Math.floor(i / 4)]! * 4 + (i % 4)]!);
  const second = kMeansVectors(rest, undefined, 4, 16, 2);
  const staged = Float32Array.of(...first.book, ...second.book);
  const joint = cost(additiveBooks(vectors, undefined, 4, 4, 2, 1));
  expect(second.cost).toBeGreaterThan(cost(staged));
  expect(joint).toBeLessThan(cost(staged) * 0.99);
});
