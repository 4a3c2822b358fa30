import { beforeAll, expect, test } from 'vitest';
import { type Kernels, kernels, referenceKernels, thresholdsOf } from './index.ts';
import { awkwardFloats, bell } from './random-values.test-data.ts';

let simd: Kernels;
beforeAll(async () => {
  simd = await kernels();
});

test('thresholds: above one lies exactly what is nearer to the next level', () => {
  for (const levels of [
    [-1, 1],
    [1, 1 + 2 ** -23, 1 + 3 * 2 ** -23],
    [-(1 + 3 * 2 ** -23), -(1 + 2 ** -23), -1],
    [0, 2 ** -149, 3 * 2 ** -149],
    [-(2 ** -149), 0],
    [-3.4028234663852886e38, 3.4028234663852886e38],
    [0.1, 0.3, 0.3000001, 7],
  ]) {
    const book = Float32Array.from(levels);
    const thresholds = thresholdsOf(book, 16);
    const bits = new Float32Array(1);
    const whole = new Int32Array(bits.buffer);
    for (let i = 0; i + 1 < book.length; i++) {
      bits[0] = thresholds[i]!;
      const start = whole[0]!;
      for (let step = -3; step <= 3; step++) {
        whole[0] = start + step;
        const x = bits[0]!;
        if (!Number.isFinite(x)) continue;
        // In doubles both sides are exact here.
        expect(x > thresholds[i]!).toBe(2 * x > book[i]! + book[i + 1]!);
      }
    }
    expect(thresholds.slice(book.length - 1).every((t) => t === Number.POSITIVE_INFINITY)).toBe(true);
  }
});

test.each([2, 4, 8, 16, 32, 64, 128, 256])('nearest of %i levels: as the twin, in every length', (size) => {
  const all = bell(40_000, size);
  const layouts = [...Array(50).keys()].map((n) => [1, n + 1, n + 1] as const);
  for (const [rows, length, block] of [
    ...layouts,
    [3, 70, 64],
    [7, 333, 100],
    [1, 40_000, 40_000],
    [2, 20_000, 17_000],
  ] as const) {
    const values = all.subarray(0, rows * length);
    const blocks = rows * Math.ceil(length / block);
    const thresholds = new Float32Array(blocks * size);
    for (let i = 0; i < blocks; i++) {
      // Some books have fewer levels than places.
      const levels = bell(i % 3 === 2 ? Math.ceil(size / 3) : size, i + 1).sort();
      thresholds.set(thresholdsOf(levels, size), i * size);
    }
    const [got, wanted] = [new Uint8Array(values.length), new Uint8Array(values.length)];
    simd.nearestLevel.codes(values, { rows, length, block }, thresholds, size, got);
    referenceKernels.nearestLevel.codes(values, { rows, length, block }, thresholds, size, wanted);
    expect(got).toEqual(wanted);
  }
});

test('nearest level of infinities, NaN, subnormals and values on thresholds', () => {
  for (const size of [2, 16, 256]) {
    const thresholds = thresholdsOf(bell(size, 3).sort(), size);
    const values = Float32Array.of(...awkwardFloats(), ...thresholds);
    const layout = { rows: 1, length: values.length, block: values.length };
    const [got, wanted] = [new Uint8Array(values.length), new Uint8Array(values.length)];
    simd.nearestLevel.codes(values, layout, thresholds, size, got);
    referenceKernels.nearestLevel.codes(values, layout, thresholds, size, wanted);
    expect(Buffer.compare(got, wanted)).toBe(0);
    values.forEach((x, i) => {
      const code = thresholds.reduce((sum, t) => sum + (x > t ? 1 : 0), 0);
      if (code !== wanted[i]) throw new Error(`${x}: ${wanted[i]} for ${code}`);
    });
  }
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('nearest of vectors of %i: as the twin', (unit) => {
  for (const entries of [1, 2, 16, 64, 255, 256]) {
    const book = bell(entries * unit, entries);
    book.set(book.subarray(0, Math.min(unit, (entries - 1) * unit)), (entries - 1) * unit);
    for (const count of [1, 2, 3, 4, 5, 7, 64, 1001, ...(entries === 16 ? [40_001] : [])]) {
      const vectors = bell(count * unit, count);
      const [got, wanted] = [new Uint8Array(count), new Uint8Array(count)];
      simd.nearestVector.codes(vectors, book, unit, got);
      referenceKernels.nearestVector.codes(vectors, book, unit, wanted);
      expect(Buffer.compare(got, wanted)).toBe(0);
    }
  }
});

test('of equally near vectors the first', () => {
  const book = Float32Array.of(1, 0, -1, 0, 0, 1, 1, 0);
  for (const k of [simd, referenceKernels]) {
    const codes = new Uint8Array(5);
    k.nearestVector.codes(Float32Array.of(0, 0, 1, 0, 0, -5, -0.5, 0, 0, 1), book, 2, codes);
    expect([...codes]).toEqual([0, 0, 0, 1, 2]);
  }
});

test.each([
  [1, 4, 4],
  [2, 16, 16],
  [4, 256, 16],
  [8, 256, 256],
  [3, 5, 20],
])('row minima of sums in %i dimensions, %i x %i: as the twin', (unit, rows, columns) => {
  const A = bell(rows * unit, 3);
  const B = bell(columns * unit, 4).map((x) => x / 3);
  const dot = (a: Float32Array, i: number, b: Float32Array, j: number) => {
    let sum = 0;
    for (let d = 0; d < unit; d++) sum += a[i * unit + d]! * b[j * unit + d]!;
    return sum;
  };
  const squareA = Float32Array.from({ length: rows }, (_, i) => dot(A, i, A, i));
  const squareB = Float32Array.from({ length: columns }, (_, i) => dot(B, i, B, i));
  const table = Float32Array.from(
    { length: rows * columns },
    (_, i) => squareB[i % columns]! + 2 * dot(A, Math.floor(i / columns), B, i % columns),
  );
  const radius = Math.fround(Math.sqrt(Math.max(...squareB)) * (1 + 2 ** -20));
  const largest = Math.fround(Math.max(...squareA) + Math.max(...squareB));
  const tables = { unit, A, B, squareA, table, radius, largest };
  const count = 150;
  const vectors = bell(count * unit, 5);
  const [got, wanted] = [new Float32Array(count * rows), new Float32Array(count * rows)];
  simd.nearestSum.rowMinima(vectors, tables, got);
  referenceKernels.nearestSum.rowMinima(vectors, tables, wanted);
  expect(got).toEqual(wanted);
  for (let i = 0; i < count; i++) {
    let least = Number.POSITIVE_INFINITY;
    for (let a = 0; a < rows; a++) {
      for (let b = 0; b < columns; b++) {
        let off = 0;
        for (let d = 0; d < unit; d++)
          off += (vectors[i * unit + d]! - A[a * unit + d]! - B[b * unit + d]!) ** 2;
        least = Math.min(least, off);
      }
    }
    const found = Math.min(...wanted.subarray(i * rows, (i + 1) * rows));
    expect(Math.abs(found - least)).toBeLessThan(2 ** -17 * (largest + 40));
  }
});
