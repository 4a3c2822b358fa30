import { describe, expect, test } from 'vitest';
import { type FormatName, formats, type NumberFormat } from '../../src/numerics/index.ts';
import { laplaceQuantiles, sqnrDb } from './sources.test-data.ts';

/**
 * Companding against the theory of Bennett 1948 and of Panter and Dite 1951, on Laplace values of variance 1 that
 * are limited to a peak of 8 deviations, with the full range of every quantizer at that peak.
 */

const PEAK = 8;
const values = laplaceQuantiles(200_001, PEAK);

function withFirst(first: number, rest: Float32Array): Float32Array {
  const all = new Float32Array(rest.length + 1);
  all[0] = first;
  all.set(rest, 1);
  return all;
}

/** What a format does with the peak on its outermost level. The first value is the peak. */
async function measured(name: FormatName, restricted = false): Promise<number> {
  const format: NumberFormat = formats[name];
  const block = withFirst(PEAK, values);
  const layout = { rows: 1, length: block.length, block: block.length };
  const choice = { symmetric: true, restricted, range: 'min-max' } as const;
  const encoded = await format.encode(block, layout, undefined, choice);
  return sqnrDb(values, format.decode(encoded, layout).subarray(1));
}

/**
 * Bennett's integral: with steps of `step` after a curve of slope c'(x) the noise is step^2 / 12 E[1 / c'(x)^2].
 * `inverseSlope`: 1 / c' at |x| / peak, in units of the peak.
 */
function bennett(bits: number, inverseSlope: (x: number) => number): number {
  const step = 1 / (2 ** (bits - 1) - 1);
  let mean = 0;
  let power = 0;
  for (const x of values) {
    mean += inverseSlope(Math.abs(x) / PEAK) ** 2;
    power += x * x;
  }
  return 10 * Math.log10(power / ((step * PEAK) ** 2 / 12) / mean);
}

const MU = 255;
const A = 87.6;
const muSlope = (x: number) => (Math.log(1 + MU) * (1 + MU * x)) / MU;
const aSlope = (x: number) => (1 + Math.log(A)) * Math.max(1 / A, x);

test('Bennett for mu-law in closed form is his integral', () => {
  // E[(1 + mu |x| / peak)^2] with E|x| = 1 / sqrt 2 and E x^2 = 1; the peak cuts off next to nothing.
  const moments = 1 + (2 * MU) / (PEAK * Math.SQRT2) + (MU / PEAK) ** 2;
  const closed = 10 * Math.log10((12 * 127 ** 2 * MU ** 2) / (PEAK ** 2 * Math.log(1 + MU) ** 2 * moments));
  expect(Math.abs(closed - bennett(8, muSlope))).toBeLessThan(0.02);
});

describe.each([5, 6, 7, 8])('%d bits', (bits) => {
  test('mu-law, A-law and the uniform quantizer have the noise that Bennett gives them', async () => {
    const near = bits >= 7 ? 0.1 : 0.5;
    expect(Math.abs((await measured(`mulaw${bits}` as FormatName)) - bennett(bits, muSlope))).toBeLessThan(
      near,
    );
    expect(Math.abs((await measured(`alaw${bits}` as FormatName)) - bennett(bits, aSlope))).toBeLessThan(
      near,
    );
    const uniform = await measured(`int${bits}` as FormatName, true);
    expect(Math.abs(uniform - bennett(bits, () => 1))).toBeLessThan(near);
  });
});

describe.each([3, 4, 5, 6, 7, 8])('%d bits', (bits) => {
  test('mu-law and A-law beat the uniform quantizer with as many levels', async () => {
    const uniform = await measured(`int${bits}` as FormatName, true);
    expect(formats[`mulaw${bits}` as FormatName].levels).toBe(2 ** bits - 1);
    expect(await measured(`mulaw${bits}` as FormatName)).toBeGreaterThan(uniform + 2);
    expect(await measured(`alaw${bits}` as FormatName)).toBeGreaterThan(uniform + 2);
  });
});

test('8-bit mu-law keeps its SQNR over 30 dB of loudness, where the uniform quantizer loses 30 dB', async () => {
  const at = async (name: FormatName, loudness: number) => {
    const format: NumberFormat = formats[name];
    const block = withFirst(
      1,
      laplaceQuantiles(20_001, PEAK).map((x) => x * loudness),
    );
    const layout = { rows: 1, length: block.length, block: block.length };
    const encoded = await format.encode(block, layout, undefined, { restricted: true, range: 'min-max' });
    return sqnrDb(block.subarray(1), format.decode(encoded, layout).subarray(1));
  };
  const quiet = 0.1 * 10 ** (-30 / 20);
  expect((await at('int8', 0.1)) - (await at('int8', quiet))).toBeGreaterThan(27);
  expect((await at('mulaw8', 0.1)) - (await at('mulaw8', quiet))).toBeLessThan(8);
});
