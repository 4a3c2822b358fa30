import { describe, expect, test } from 'vitest';
import { levelFormat } from '../../src/numerics/formats/level-format.ts';
import { additivePowers } from '../../src/numerics/formats/logarithmic.ts';
import { type FormatName, formats, type NumberFormat } from '../../src/numerics/index.ts';
import { gaussian, laplacian, sqnrDb } from './sources.test-data.ts';

const positive = (name: FormatName) => [...formats[name].table!()].filter((x) => x > 0);

async function blocksOf64(format: NumberFormat, values: Float32Array): Promise<number> {
  const layout = { rows: values.length / 64, length: 64, block: 64 };
  return sqnrDb(values, format.decode(await format.encode(values, layout), layout));
}

test('powers of two are powers of two, down from 1, with 0 and without a second zero', () => {
  expect([...formats.pot3.table!()]).toEqual([0, 0.25, 0.5, 1, Number.NaN, -0.25, -0.5, -1]);
  for (const bits of [2, 4, 5, 6, 7, 8]) {
    const magnitudes = positive(`pot${bits}` as FormatName);
    expect(magnitudes).toEqual(magnitudes.map((_, i) => 2 ** (i + 1 - magnitudes.length)));
    expect(formats[`pot${bits}` as FormatName].levels).toBe(2 ** bits - 1);
  }
});

test('additive powers of two are the sets of the paper', () => {
  // Bits of magnitude 2 and 4 by its equation 6 (k = 2), 3 and 6 by the code of its authors; 1 is our end of the row.
  expect(additivePowers(1)).toEqual([0, 1]);
  expect(additivePowers(2)).toEqual([0, 1, 1 / 2, 1 / 4].sort());
  expect(additivePowers(3).map((x) => x * 8)).toEqual([0, 1, 2, 3, 4, 6, 8, 10]);
  const four = [0, 1, 1 / 4, 1 / 16].flatMap((a) => [0, 1 / 2, 1 / 8, 1 / 32].map((b) => a + b));
  expect(additivePowers(4)).toEqual(four.sort((a, b) => a - b));
  const six = [0, 1, 2 ** -3, 2 ** -6].flatMap((a) =>
    [0, 2 ** -1, 2 ** -4, 2 ** -7].flatMap((b) => [0, 2 ** -2, 2 ** -5, 2 ** -8].map((c) => a + b + c)),
  );
  expect(additivePowers(6)).toEqual(six.sort((a, b) => a - b));
  for (let bits = 1; bits <= 7; bits++) expect(new Set(additivePowers(bits)).size).toBe(2 ** bits);
});

describe('finer bases', () => {
  const sources = [gaussian(64 * 400), laplacian(64 * 400)];
  const both = async (format: NumberFormat) =>
    ((await blocksOf64(format, sources[0]!)) + (await blocksOf64(format, sources[1]!))) / 2;
  const withOctave = (bits: number, perOctave: number) => {
    const count = 2 ** (bits - 1) - 1;
    const levels = Array.from({ length: count }, (_, i) => 2 ** (-i / perOctave));
    return levelFormat({
      name: 'trial',
      family: 'logarithmic',
      description: '',
      source: '',
      bits,
      levels: [0, ...levels, ...levels.map((x) => -x)],
    });
  };

  test.each([3, 4, 5, 6, 7, 8])(
    'log%d: no whole number of levels per octave is 0.1 dB better',
    async (bits) => {
      const ours = await both(formats[`log${bits}` as FormatName]);
      for (let perOctave = 1; perOctave <= 24; perOctave++) {
        expect(await both(withOctave(bits, perOctave))).toBeLessThan(ours + 0.1);
      }
    },
  );

  test.each([4, 5, 6, 7, 8])('%d bits: sums and finer bases beat plain powers of two', async (bits) => {
    const plain = await both(formats[`pot${bits}` as FormatName]);
    expect(await both(formats[`log${bits}` as FormatName])).toBeGreaterThan(plain + 3);
    expect(await both(formats[`apot${bits}` as FormatName])).toBeGreaterThan(plain + 2);
  });

  test('plain powers of two gain nothing from 5 bits on: only the smallest magnitudes get finer', async () => {
    expect(Math.abs((await both(formats.pot8)) - (await both(formats.pot5)))).toBeLessThan(0.1);
  });
});
