import { describe, expect, test } from 'vitest';
import { createHistogramReference } from './histogram.ref.ts';
import { createHistogramKernel } from './histogram.wasm.ts';

const twins = { ref: createHistogramReference(), wasm: await createHistogramKernel() };

/** Deterministic values between -1 and 1, some of them exactly zero. */
function values(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (i % 7 === 3 ? 0 : Math.sin(i * i + 1)));
}

describe('the SIMD kernel and its twin', () => {
  test('count alike at every length, blocks and lanes included', () => {
    for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 9, 100, 16383, 16384, 16385, 40_000]) {
      const input = values(length);
      const got = Object.values(twins).map((kernel) => {
        const counts = new Float64Array(kernel.bins);
        kernel.count(input, 2 ** 10, -1024);
        kernel.take(counts);
        return { counts, extremes: kernel.extremes(input) };
      });
      expect(got[1]).toEqual(got[0]);
      expect(got[0]!.counts.reduce((a, b) => a + b, 0)).toBe(length);
    }
  });

  test('give an edge to the bin above it, -0 to the bin of 0', () => {
    const input = Float32Array.of(-1, -0.5, -0, 0, 0.5, 0.4999999, -0.5000001, 1e-40, -1e-40);
    for (const kernel of Object.values(twins)) {
      const counts = new Float64Array(kernel.bins);
      kernel.count(input, 2, -2);
      kernel.take(counts);
      expect([...counts.subarray(0, 4)]).toEqual([2, 2, 4, 1]);
    }
  });

  test('hold the widest bin indices', () => {
    const input = Float32Array.of(2 ** 22, 2 ** 22 - 1, 2 ** 22 - 4000);
    for (const kernel of Object.values(twins)) {
      const counts = new Float64Array(kernel.bins);
      kernel.count(input, 1, 2 ** 22 - 4095);
      kernel.count(
        input.map((v) => -v),
        1,
        -(2 ** 22),
      );
      kernel.take(counts);
      expect([...counts].flatMap((c, i) => (c > 0 ? [[i, c]] : []))).toEqual([
        [0, 1],
        [1, 1],
        [95, 1],
        [4000, 1],
        [4094, 1],
        [4095, 1],
      ]);
    }
  });

  test('see NaN and Inf anywhere', () => {
    for (let at = 0; at < 21; at++) {
      for (const kernel of Object.values(twins)) {
        const input = values(21);
        input[at] = Number.NaN;
        expect(kernel.extremes(input)).toMatchObject({ min: Number.NaN, max: Number.NaN });
        input[at] = Number.POSITIVE_INFINITY;
        expect(kernel.extremes(input).max).toBe(Number.POSITIVE_INFINITY);
        input[at] = Number.NEGATIVE_INFINITY;
        expect(kernel.extremes(input).min).toBe(Number.NEGATIVE_INFINITY);
      }
    }
  });
});
