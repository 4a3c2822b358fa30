import { describe, expect, test } from 'vitest';
import { LowbitError } from '../tensor/index.ts';
import { Histogram, histogramBins } from './histogram.ts';
import { random } from './random-values.test-data.ts';

function histogramOf(...batches: Float32Array[]): Histogram {
  const histogram = new Histogram();
  for (const batch of batches) histogram.update(batch);
  return histogram;
}

const state = ({ counts, first, exponent, total, zeros, min, max }: Histogram) => ({
  counts,
  first,
  exponent,
  total,
  zeros,
  min,
  max,
});

/** Batches whose range grows by a lot, to both sides, with zeros and a constant one among them. */
const batches = [
  random('normal', 1000, 1).map((v) => v * 1e-3),
  new Float32Array(300),
  random('laplace', 5000, 2),
  random('uniform', 777, 3).map((v) => v * 1e4 - 100),
  new Float32Array(10).fill(-7e4),
];

describe('a streamed histogram', () => {
  test('counts every value once, in the bin that holds it', () => {
    const values = random('normal', 20_000, 4);
    const histogram = histogramOf(values);
    const counts = new Float64Array(histogramBins);
    for (const v of values) counts[Math.floor(v / histogram.width) - histogram.first]!++;
    expect(histogram.counts).toEqual(counts);
    expect(histogram.total).toBe(20_000);
  });

  test('depends on the values only, not on their order or batches', () => {
    const one = histogramOf(...batches);
    const reversed = histogramOf(...batches.toReversed());
    const whole = histogramOf(Float32Array.from(batches.flatMap((b) => [...b])));
    expect(state(reversed)).toEqual(state(one));
    expect(state(whole)).toEqual(state(one));
  });

  test('merges exactly', () => {
    for (let cut = 0; cut <= batches.length; cut++) {
      const left = histogramOf(...batches.slice(0, cut));
      left.merge(histogramOf(...batches.slice(cut)));
      expect(state(left)).toEqual(state(histogramOf(...batches)));
    }
  });

  test('uses at least half of its bins for the range', () => {
    for (const scale of [1e-30, 1e-3, 1, 1.0001, 1e20]) {
      const { max, min, width } = histogramOf(random('normal', 5000, 5).map((v) => v * scale));
      expect((max - min) / width).toBeGreaterThan(histogramBins / 2 - 1);
      expect((max - min) / width).toBeLessThanOrEqual(histogramBins);
    }
  });

  test('holds constants, zeros, denormals and the largest floats', () => {
    for (const value of [0, -0, 5, -1e-40, 3.4e38, -3.4e38]) {
      const histogram = histogramOf(new Float32Array(9).fill(value));
      expect(histogram.counts.reduce((a, b) => a + b)).toBe(9);
      expect(histogram.zeros).toBe(value === 0 ? 9 : 0);
    }
    const both = histogramOf(Float32Array.of(3.4e38, -3.4e38, 0));
    expect(both.counts.reduce((a, b) => a + b)).toBe(3);
    expect(histogramOf(new Float32Array(0)).total).toBe(0);
  });

  test('takes the same memory whatever it is fed', () => {
    const histogram = new Histogram();
    for (let i = 0; i < 200; i++) histogram.update(random('normal', 4096, i).map((v) => v * 1.1 ** i));
    expect(histogram.total).toBe(200 * 4096);
    expect(histogram.counts.byteLength).toBe(histogramBins * 8);
    const held = Object.values(histogram).filter((v) => ArrayBuffer.isView(v));
    expect(held.length).toBe(1);
  });

  test('refuses NaN and Inf by name', () => {
    const histogram = new Histogram({ value: 'conv1.out', node: "Conv 'conv1'" });
    histogram.update(Float32Array.of(1, 2));
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => histogram.update(Float32Array.of(1, bad, 2))).toThrow(LowbitError);
    }
    expect(() => histogram.update(Float32Array.of(Number.NaN))).toThrowErrorMatchingInlineSnapshot(
      `[LowbitError: Value 'conv1.out', made by Conv 'conv1', is NaN on the calibration data, so it has no range. Check the preprocessing (mean, std, scale) and the model's weights.]`,
    );
    expect(histogram.total).toBe(2);
  });
});
