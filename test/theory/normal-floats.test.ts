import { describe, expect, test } from 'vitest';
import { type FormatName, formats, type NumberFormat } from '../../src/numerics/index.ts';
import { normalDistribution } from '../../src/numerics/normal-distribution.ts';
import { gaussian } from './sources.test-data.ts';

const { cdf, density, quantile } = normalDistribution;

test('the normal distribution and its quantiles agree with published digits', () => {
  // Abramowitz and Stegun, tables 26.1 and 26.5; far tail by arithmetic of 30 digits.
  expect(cdf(1)).toBeCloseTo(0.8413447460685429, 14);
  expect(cdf(-2.5) / 0.006209665325776132 - 1).toBeCloseTo(0, 12);
  expect(quantile(0.975)).toBeCloseTo(1.959963984540054, 14);
  expect(quantile(0.999)).toBeCloseTo(3.090232306167813, 14);
  expect(quantile(1e-5)).toBeCloseTo(-4.264890793922825, 14);
  expect(quantile(1e-20)).toBeCloseTo(-9.2623400897984, 12);
  expect(quantile(0.5)).toBe(0);
  for (let p = 0.001; p < 1; p += 0.0137) expect(cdf(quantile(p))).toBeCloseTo(p, 14);
});

const counts = (format: NumberFormat, codes: ArrayLike<number>) => {
  const used = new Array<number>(2 ** format.bits).fill(0);
  for (let i = 0; i < codes.length; i++) used[codes[i]!]!++;
  return used;
};
const entropyBits = (used: readonly number[]) => {
  const total = used.reduce((sum, n) => sum + n, 0);
  return used.reduce((bits, n) => (n === 0 ? bits : bits - (n / total) * Math.log2(n / total)), 0);
};

describe.each([2, 3, 4, 5, 6, 7, 8])('nf%d', (bits) => {
  const format: NumberFormat = formats[`nf${bits}` as FormatName];
  const table = [...format.table!()];

  test('ascends from -1 to 1 through 0, with one more level above 0 than below', () => {
    expect(table).toEqual(table.toSorted((a, b) => a - b));
    expect(new Set(table).size).toBe(2 ** bits);
    expect([table[0], table[2 ** (bits - 1) - 1], table.at(-1)]).toEqual([-1, 0, 1]);
  });

  test('is even in probability: between neighbours of a side lies the same part of the distribution', () => {
    const half = 2 ** (bits - 1);
    const outermost = Number((1 - (1 / 2 ** bits + 1 / (2 ** bits - 1)) / 4).toFixed(7));
    const peak = quantile(outermost);
    const side = (levels: readonly number[]) =>
      levels.slice(1).map((x, i) => cdf(x * peak) - cdf(levels[i]! * peak));
    for (const mass of side(table.slice(0, half)))
      expect(mass).toBeCloseTo((outermost - 0.5) / (half - 1), 6);
    for (const mass of side(table.slice(half - 1))) expect(mass).toBeCloseTo((outermost - 0.5) / half, 6);
  });
});

describe('Gaussian values over the largest magnitude of their block', () => {
  const values = gaussian(64 * 8000, 5);
  const layout = { rows: 1, length: values.length, block: 64 };
  const use = async (name: FormatName) => {
    const { codes } = await (formats[name] as NumberFormat).encode(values, layout);
    return counts(formats[name], codes);
  };

  test('NF4 levels are used almost equally: 3.88 of 4 bits, where integers stay below 3.6', async () => {
    const used = await use('nf4');
    expect(entropyBits(used)).toBeGreaterThan(3.88);
    expect(entropyBits(used)).toBeLessThan(3.95);
    // All but the two outermost of each side: 0.7 to 1.5 of an equal share. Blocks of 64 thin the tails (Yoshida).
    for (const n of used.slice(2, -2)) {
      expect((16 * n) / values.length).toBeGreaterThan(0.7);
      expect((16 * n) / values.length).toBeLessThan(1.5);
    }
    const integers = await (formats.int4 as NumberFormat).encode(values, layout, undefined, {
      symmetric: true,
      range: 'min-max',
    });
    const codes = integers.codes.map((x: number) => x + 8);
    expect(entropyBits(counts(formats.int4, codes))).toBeLessThan(3.6);
  });

  test.each([3, 4, 5, 6, 7, 8])(
    'nf%d uses its levels more equally than integers and companding',
    async (bits) => {
      const own = entropyBits(await use(`nf${bits}` as FormatName));
      for (const other of [`mulaw${bits}`, `alaw${bits}`, `pot${bits}`, `apot${bits}`] as FormatName[]) {
        expect(own).toBeGreaterThan(entropyBits(await use(other)));
      }
    },
  );
});

/**
 * Yoshida 2023: of a block of `size` normal values over the largest magnitude one is +-1; the others are normal,
 * cut off at the largest magnitude M, whose distribution is that of a maximum. P(x <= level) of those others.
 */
function scaledCdf(size: number): (x: number) => number {
  const steps = 4000;
  const nodes: { m: number; weight: number; inside: number }[] = [];
  for (let i = 0; i < steps; i++) {
    const m = ((i + 0.5) * 7) / steps;
    const inside = 2 * cdf(m) - 1;
    nodes.push({ m, inside, weight: (size * inside ** (size - 1) * 2 * density(m) * 7) / steps });
  }
  return (x) => {
    let sum = 0;
    for (const { m, weight, inside } of nodes) sum += (weight * (cdf(x * m) - cdf(-m))) / inside;
    return sum;
  };
}

describe('AF4', () => {
  const P = scaledCdf(64);

  test('the distribution of scaled values is the one of Yoshida: measured frequencies agree', () => {
    const values = gaussian(64 * 4000, 9);
    for (const x of [-0.7, -0.2, 0.05, 0.4, 0.9]) {
      let below = 0;
      let others = 0;
      for (let at = 0; at < values.length; at += 64) {
        const block = values.subarray(at, at + 64);
        const largest = block.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
        for (const v of block) {
          if (Math.abs(v) === largest) continue;
          others++;
          if (v <= x * largest) below++;
        }
      }
      expect(Math.abs(below / others - P(x))).toBeLessThan(0.004);
    }
  });

  test('each free level halves the probability of its cell: the condition of least absolute error', () => {
    const table = [...formats.af4.table!()];
    // The cells next to 0 reach to 0 itself in the published table, not half-way as a nearest level's do.
    const border = (i: number) => (i === 6 || i === 7 ? 0 : (table[i]! + table[i + 1]!) / 2);
    for (let i = 1; i < 15; i++) {
      if (i === 7) continue;
      const below = P(table[i]!) - P(border(i - 1));
      const above = P(border(i)) - P(table[i]!);
      expect(Math.abs(below / above - 1)).toBeLessThan(1e-5);
    }
  });
});
