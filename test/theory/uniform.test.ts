import { describe, expect, test } from 'vitest';
import { type FitChoice, type FormatName, formats, type NumberFormat } from '../../src/numerics/index.ts';

/**
 * Theory: with a source of known density, range searches reach the signal to noise ratio of the optimum uniform
 * quantizer. Its value is computed here by numerical integration over cells and step sizes, and that computation is
 * held to published tables.
 */

interface Source {
  /** Density of a source of variance 1, symmetric around 0. */
  readonly density: (x: number) => number;
  /** So far out that what lies beyond adds nothing, in standard deviations. */
  readonly end: number;
  /** SQNR in dB of the optimum uniform quantizer of 2^bits levels, as published. */
  readonly published: Readonly<Record<number, number>>;
}

const sources: Readonly<Record<string, Source>> = {
  Gaussian: {
    density: (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI),
    end: 8,
    // Max 1960, "Quantizing for minimum distortion", table II: mean squared errors of 2, 4, 8, 16 and 32 levels.
    published: Object.fromEntries(
      [0.3634, 0.1188, 0.03744, 0.01154, 0.003495].map((mse, i) => [i + 1, -10 * Math.log10(mse)]),
    ),
  },
  Laplace: {
    density: (x) => Math.exp(-Math.SQRT2 * Math.abs(x)) / Math.SQRT2,
    end: 16,
    // Jayant and Noll 1984, "Digital Coding of Waveforms", table 4.1: uniform quantizers.
    published: { 1: 3.01, 2: 7.07, 3: 11.44, 4: 15.96, 5: 20.6 },
  },
};

/** Integral of (x - level)^2 density over [from, to] by Simpson's rule. */
function cellNoise({ density }: Source, from: number, to: number, level: number): number {
  const parts = Math.max(8, 2 * Math.ceil((to - from) * 40));
  const h = (to - from) / parts;
  let sum = 0;
  for (let i = 0; i <= parts; i++) {
    const x = from + i * h;
    sum += (i === 0 || i === parts ? 1 : i % 2 ? 4 : 2) * (x - level) ** 2 * density(x);
  }
  return (sum * h) / 3;
}

/** Mean squared error of 2^bits levels at odd multiples of step / 2. */
function noiseOf(source: Source, bits: number, step: number): number {
  const half = 2 ** (bits - 1);
  let noise = 0;
  for (let k = 0; k < half; k++) {
    const from = k * step;
    const to = k === half - 1 ? Math.max(from + step, 24) : from + step;
    noise += 2 * cellNoise(source, from, to, (k + 0.5) * step);
  }
  return noise;
}

/** SQNR in dB at the best step: golden section, the noise has one minimum. */
function optimum(source: Source, bits: number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [0.2 / 2 ** bits, 24 / 2 ** bits];
  for (let i = 0; i < 30; i++) {
    const [a, b] = [high - golden * (high - low), low + golden * (high - low)];
    if (noiseOf(source, bits, a) < noiseOf(source, bits, b)) high = b;
    else low = a;
  }
  return -10 * Math.log10(noiseOf(source, bits, (low + high) / 2));
}

const COUNT = 1 << 15;
/** The source itself: points in equal distances and how much each counts, up to where nothing is left. */
function pointsOf({ density, end }: Source): { values: Float32Array; weights: Float32Array } {
  const at = (i: number) => ((i + 0.5) / COUNT) * 2 * end - end;
  return {
    values: Float32Array.from({ length: COUNT }, (_, i) => at(i)),
    weights: Float32Array.from({ length: COUNT }, (_, i) => density(at(i))),
  };
}

async function sqnr(
  name: FormatName,
  values: Float32Array,
  weights: Float32Array,
  choice: FitChoice,
): Promise<number> {
  const format: NumberFormat = formats[name];
  const layout = { rows: 1, length: values.length, block: values.length };
  const back = format.decode(await format.encode(values, layout, weights, choice), layout);
  let [signal, noise] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    signal += weights[i]! * values[i]! ** 2;
    noise += weights[i]! * (values[i]! - back[i]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

describe.each(Object.entries(sources))('%s', (_, source) => {
  const { values, weights } = pointsOf(source);
  const best = new Map<number, number>();
  const textbook = (bits: number) => {
    if (!best.has(bits)) best.set(bits, optimum(source, bits));
    return best.get(bits)!;
  };

  test('the textbook value is that of the published table', () => {
    for (const [bits, dB] of Object.entries(source.published))
      expect(Math.abs(textbook(Number(bits)) - dB), `${bits} bits`).toBeLessThan(0.02);
  });

  test.each([2, 3, 4, 5, 6, 7, 8])(
    '%i bits: mse reaches it within 0.1 dB, octav comes near',
    async (bits) => {
      const wanted = textbook(bits);
      const midRise = `midrise${bits}` as FormatName;
      const reached = await sqnr(midRise, values, weights, { range: 'mse' });
      expect(Math.abs(reached - wanted)).toBeLessThan(0.1);
      // A real zero point puts integers at the same levels.
      const real: FitChoice = { range: 'mse', symmetric: false, zero: 'real' };
      expect(
        Math.abs((await sqnr(`uint${bits}` as FormatName, values, weights, real)) - wanted),
      ).toBeLessThan(0.1);
      // Its noise model forgets that cells are not evenly filled: good from 4 bits on.
      if (bits >= 4)
        expect(wanted - (await sqnr(midRise, values, weights, { range: 'octav' }))).toBeLessThan(0.25);
    },
  );
});

test('twice as many levels of a uniform source: 6.02 dB', async () => {
  // The levels lie in the middles of 2^bits equal cells.
  const values = Float32Array.from({ length: 1 << 14 }, (_, i) => (i + 0.5) / (1 << 13) - 1);
  const weights = values.map(() => 1);
  for (const bits of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const reached = await sqnr(`midrise${bits}` as FormatName, values, weights, { range: 'mse' });
    expect(Math.abs(reached - 20 * Math.log10(2) * bits)).toBeLessThan(0.02);
  }
});
