import { describe, expect, test } from 'vitest';
import { bell } from '../../kernels/random-values.test-data.ts';
import { kMeansLevels } from '../clustering/learn-levels.ts';
import { bookEntryBits } from './book-entries.ts';
import { codeBooks } from './code-books.ts';

const names = Object.keys(codeBooks) as (keyof typeof codeBooks)[];
const squares = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);

describe.each(names)('%s', (name) => {
  const format = codeBooks[name];
  const size = 2 ** format.bits;

  test('encode is fit and round, decode is value; books ascend, and each block has its own', async () => {
    for (const [rows, length, block] of [
      [3, 1, 1],
      [3, 17, 17],
      [2, 300, 128],
      [1, 900, 900],
    ] as const) {
      const values = bell(rows * length, length, 13);
      const importance = bell(values.length, 9).map((x) => x * x);
      for (const scaleType of [undefined, 'float16', 'bfloat16'] as const) {
        for (const weights of [undefined, importance, new Float32Array(values.length)]) {
          const layout = { rows, length, block };
          const encoded = await format.encode(values, layout, weights, { scaleType });
          const back = format.decode(encoded, layout);
          const blocks = rows * Math.ceil(length / block);
          expect(encoded.book!.length).toBe(blocks * format.bookSize);
          expect([...encoded.scale]).toEqual(Array(blocks).fill(1));
          const out = new Float32Array(1);
          let at = 0;
          for (let row = 0; row < rows; row++) {
            for (let start = 0; start < length; start += block, at++) {
              const from = row * length + start;
              const to = row * length + Math.min(start + block, length);
              const params = format.fit(values.subarray(from, to), weights?.subarray(from, to), {
                scaleType,
              });
              expect(encoded.book!.subarray(at * size, (at + 1) * size)).toEqual(params.book);
              expect(params.book).toEqual(params.book!.slice().sort());
              for (let i = from; i < to; i++) {
                const code = format.round(values, i, params, i - from);
                format.value(code, params, i - from, out, 0);
                if (code !== encoded.codes[i] || out[0] !== back[i]) throw new Error(`${i}: ${code}`);
                const nearest = Math.min(
                  ...Array.from(params.book!, (level) => Math.abs(level - values[i]!)),
                );
                expect(Math.abs(out[0]! - values[i]!)).toBe(nearest);
              }
            }
          }
        }
      }
    }
  });

  test('no more distinct values than levels: nothing is lost, whatever they weigh', async () => {
    const few = Float32Array.from({ length: 200 }, (_, i) => Math.fround(((i * 7) % size) ** 3 - 5));
    const layout = { rows: 1, length: 200, block: 200 };
    for (const weights of [undefined, few.map((_, i) => i % 2), new Float32Array(200)]) {
      const back = format.decode(await format.encode(few, layout, weights), layout);
      expect(back).toEqual(few);
    }
  });

  test('constants, zeros, subnormals, the largest floats', async () => {
    for (const block of [
      [0, -0, 0],
      [2.5, 2.5],
      [2 ** -149, 0, -(2 ** -149)],
      [3.4028234663852886e38, -3.4028234663852886e38, 1, 0],
      [1e30, 1, -1, 0.5],
    ]) {
      const values = Float32Array.from(block);
      const layout = { rows: 1, length: values.length, block: values.length };
      for (const scaleType of [undefined, 'float16'] as const) {
        const back = format.decode(await format.encode(values, layout, undefined, { scaleType }), layout);
        expect(back.every(Number.isFinite)).toBe(true);
        if (!scaleType && new Set(values).size <= size) expect(back).toEqual(values.map((x) => x + 0));
      }
    }
  });

  test('decoding and encoding again changes nothing', async () => {
    const values = bell(4096, 3);
    const layout = { rows: 4, length: 1024, block: 1024 };
    const once = format.decode(await format.encode(values, layout), layout);
    expect(format.decode(await format.encode(once, layout), layout)).toEqual(once);
  });
});

test('k-means never has more error than quantiles; importance moves levels to where it lies', async () => {
  const values = bell(2000, 5);
  const layout = { rows: 1, length: 2000, block: 2000 };
  for (let bits = 1; bits <= 8; bits++) {
    const error = async (name: keyof typeof codeBooks, weights?: Float32Array) =>
      squares(values, codeBooks[name].decode(await codeBooks[name].encode(values, layout, weights), layout));
    const [best, plain] = [
      await error(`kmeans${bits}` as 'kmeans4'),
      await error(`quantile${bits}` as 'quantile4'),
    ];
    expect(best).toBeLessThanOrEqual(plain);
    const tails = values.map((x) => (Math.abs(x) > 1 ? 1 : 0));
    const levels = kMeansLevels(values, tails, 2 ** bits);
    expect(levels.filter((x) => Math.abs(x) > 1).length).toBeGreaterThan(levels.length / 2);
  }
});

test('quantile levels are used equally often', async () => {
  const values = bell(4096, 8);
  const { codes } = await codeBooks.quantile4.encode(values, { rows: 1, length: 4096, block: 4096 });
  const used = new Uint32Array(16);
  for (const code of codes) used[code]!++;
  // The border between two means is not the quantile itself, so counts are near 256 each, not equal.
  for (const count of used) expect(Math.abs(count - 256)).toBeLessThan(120);
});

test('more than 2^16 values: exact when they come from bfloat16, and within the bound else', () => {
  const wide = bell(200_000, 4);
  const bits = new Uint32Array(wide.buffer.slice(0)).map((u) => u & 0xffff0000);
  const narrow = new Float32Array(bits.buffer);
  const part = narrow.subarray(0, 60_000);
  const twice = new Float32Array(120_000);
  twice.set(part);
  twice.set(part, 60_000);
  const levels = kMeansLevels(part, undefined, 16);
  kMeansLevels(twice, undefined, 16).forEach((level, i) => {
    expect(level).toBeCloseTo(levels[i]!, 9);
  });
  const cost = (found: Float64Array) =>
    wide.reduce((sum, x) => sum + Math.min(...Array.from(found, (level) => (x - level) ** 2)), 0);
  const binned = cost(kMeansLevels(wide, undefined, 16));
  const sample = cost(kMeansLevels(wide.subarray(0, 65_536), undefined, 16));
  expect(binned).toBeLessThanOrEqual(sample);
});

test('entries are float32 unless scales are 16 bits wide', () => {
  expect(bookEntryBits({})).toBe(32);
  expect(bookEntryBits({ scaleType: 'float16' })).toBe(16);
  expect(bookEntryBits({ scaleType: 'bfloat16' })).toBe(16);
  expect(bookEntryBits({ scaleType: 'float8e8m0' })).toBe(32);
  const { book } = codeBooks.kmeans3.fit(bell(100), undefined, { scaleType: 'float16' });
  expect(book!.every((x) => Number.isInteger(x * 2 ** 24))).toBe(true);
});
