import { describe, expect, test } from 'vitest';
import { type FormatName, formats, type NumberFormat } from '../../src/numerics/index.ts';
import { seededRandom } from '../../src/tensor/index.ts';
import { gaussian, laplacian } from './sources.test-data.ts';

/** Scales of least squares of signs and ternary codes: against every assignment of codes, and against textbooks. */

async function encoded(name: FormatName, values: Float32Array, weights?: Float32Array) {
  const format: NumberFormat = formats[name];
  const layout = { rows: 1, length: values.length, block: values.length };
  const { codes, scale } = await format.encode(values, layout, weights);
  const back = format.decode({ codes, scale }, layout);
  let error = 0;
  values.forEach((x, i) => {
    error += (weights?.[i] ?? 1) * (x - back[i]!) ** 2;
  });
  return { codes, scale: scale[0]!, error };
}

/** The least weighted squared error of `signs` codes (2: -1, 1; 3: -1, 0, 1) over every assignment and scale. */
function bruteForce(signs: readonly number[], values: Float32Array, weights?: Float32Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (let choice = 0; choice < signs.length ** values.length; choice++) {
    let [xx, xt, tt] = [0, 0, 0];
    for (let i = 0, rest = choice; i < values.length; i++, rest = Math.floor(rest / signs.length)) {
      const t = signs[rest % signs.length]!;
      const w = weights?.[i] ?? 1;
      xx += w * values[i]! ** 2;
      xt += w * values[i]! * t;
      tt += w * t * t;
    }
    // The best scale of an assignment is xt / tt.
    least = Math.min(least, tt === 0 ? xx : xx - (xt * xt) / tt);
  }
  return least;
}

describe.each([
  ['gaussian', gaussian(400, 3)],
  ['laplacian', laplacian(400, 3)],
  ['uniform', Float32Array.from({ length: 400 }, seededRandom(3)).map((x) => 2 * x - 1)],
  ['of equal magnitudes', Float32Array.from({ length: 400 }, (_, i) => [0.5, -0.5, 0.25, 0][i % 4]!)],
])('small blocks, %s', (_, all) => {
  const blocks = Array.from({ length: 40 }, (_, i) => all.subarray(i * 10, i * 10 + (i % 8) + 1));
  const weightsOf = (block: Float32Array, seed: number) =>
    Float32Array.from({ length: block.length }, seededRandom(seed)).map((x) => x * x + 0.01);

  test.each([
    ['binary', [-1, 1]],
    ['ternary', [-1, 0, 1]],
  ] as const)('%s reaches the least squared error there is', async (name, signs) => {
    for (const [i, block] of blocks.entries()) {
      for (const weights of [undefined, weightsOf(block, i)]) {
        const least = bruteForce(signs, block, weights);
        const { error } = await encoded(name, block, weights);
        expect(error - least).toBeLessThan(1e-6);
      }
    }
  });

  test('the threshold of 0.7 mean magnitudes and the mean as scale never do better than the exact search', async () => {
    for (const block of blocks) {
      const exact = (await encoded('ternary', block)).error;
      const mean = block.reduce((sum, x) => sum + Math.abs(x), 0) / block.length;
      const beyond = [...block].map(Math.abs).filter((x) => x > 0.7 * mean);
      const scale = beyond.reduce((sum, x) => sum + x, 0) / Math.max(1, beyond.length);
      const heuristic = block.reduce(
        (sum, x) => sum + (Math.abs(x) - (Math.abs(x) > 0.7 * mean ? scale : 0)) ** 2,
        0,
      );
      expect(exact).toBeLessThan(heuristic + 1e-6);
      expect(exact).toBeLessThan((await encoded('b158', block)).error + 1e-6);
    }
  });

  test('b158 rounds values over their mean magnitude, as BitNet b1.58 does, half to even', async () => {
    for (const block of blocks) {
      const { codes, scale } = await encoded('b158', block);
      const mean = Math.fround(block.reduce((sum, x) => sum + Math.abs(x), 0) / block.length);
      if (mean === 0) continue;
      expect(scale).toBe(mean);
      // Math.round takes halves up; towards 0 is to even here.
      const rounded = [...block].map((x) =>
        Math.max(-1, Math.min(1, Math.sign(x) * -Math.round(-Math.abs(Math.fround(x / mean))))),
      );
      expect([...codes].map((code) => code - 1)).toEqual(rounded.map((x) => x + 0));
    }
  });
});

test('b158 has the least error that codes can have at its scale', async () => {
  for (let seed = 1; seed < 20; seed++) {
    const block = gaussian(64, seed);
    const { scale, error } = await encoded('b158', block);
    const least = block.reduce(
      (sum, x) => sum + Math.min(...[-scale, 0, scale].map((level) => (x - level) ** 2)),
      0,
    );
    expect(Math.abs(error - least)).toBeLessThan(1e-5);
  }
});

describe('large Gaussian blocks of variance 1 meet the tables of Max 1960', () => {
  const values = gaussian(400_000, 11);

  test('two levels: +-0.7979, error 0.3634', async () => {
    const { scale, error } = await encoded('binary', values);
    expect(scale).toBeCloseTo(0.7979, 2);
    expect(error / values.length).toBeCloseTo(0.3634, 2);
  });

  test('three levels: +-1.2240, threshold 0.6120, error 0.1902', async () => {
    const { scale, error, codes } = await encoded('ternary', values);
    expect(Math.abs(scale - 1.224)).toBeLessThan(0.005);
    expect(Math.abs(error / values.length - 0.1902)).toBeLessThan(0.001);
    expect(codes.filter((code) => code === 1).length / values.length).toBeCloseTo(0.4595, 2);
  });
});

test('a block of zeros: 0 with ternary codes, next to 0 with signs', async () => {
  for (const name of ['ternary', 'b158'] as const)
    expect((await encoded(name, new Float32Array(7))).error).toBe(0);
  const { scale, codes } = await encoded('binary', new Float32Array(7));
  expect(scale).toBe(2 ** -110);
  expect([...codes]).toEqual([1, 1, 1, 1, 1, 1, 1]);
});

test('bits per weight are those of the bytes: one bit for signs, two for three levels', () => {
  expect(formats.binary.pack(new Uint8Array(16)).length).toBe(2);
  expect(formats.ternary.pack(new Uint8Array(16)).length).toBe(4);
  expect([formats.binary, formats.ternary, formats.b158].map((format) => format.bitsPerWeight)).toEqual([
    1, 2, 2,
  ]);
});
