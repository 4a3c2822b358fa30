import { describe, expect, test } from 'vitest';
import { gridOf } from '../numerics/index.ts';
import { Histogram } from './histogram.ts';
import { meanSquaredError } from './mse.ts';
import type { Range, RangeTarget } from './observer.ts';
import { type ObserverName, observers } from './observers.ts';
import { random } from './random-values.test-data.ts';

const names = Object.keys(observers) as ObserverName[];
const symmetric: RangeTarget = { levels: 256, symmetric: true };
const asymmetric: RangeTarget = { levels: 256, symmetric: false };
const int4: RangeTarget = { levels: 16, symmetric: true };

/** Mean squared error of really quantizing the values with this range. */
function measured(values: Float32Array, range: Range, target: RangeTarget): number {
  const { step, low, high } = gridOf(range, target);
  let sum = 0;
  for (const v of values) sum += (v - step * Math.min(Math.max(Math.round(v / step), low), high)) ** 2;
  return sum / values.length;
}

function rangeOf(name: ObserverName, values: Float32Array, target: RangeTarget): Range {
  const observer = observers[name].create();
  feed(name, observer, values, 1000);
  return observer.range(target);
}

function feed(
  name: ObserverName,
  observer: ReturnType<(typeof observers)[ObserverName]['create']>,
  values: Float32Array,
  size: number,
) {
  for (let i = 0; i < values.length; i += size) {
    const batch = values.subarray(i, i + size);
    const extremes = () => Float32Array.of(Math.min(...batch), Math.max(...batch));
    observer.update(observers[name].needs === 'extremes' ? extremes() : batch);
  }
}

describe.each(names)('%s', (name) => {
  test('is described and cites its source', () => {
    expect(observers[name].description.length).toBeGreaterThan(10);
    expect(observers[name].paper).toMatch(/\d{4}/);
    expect(observers[name].create().needs).toBe(observers[name].needs);
  });

  test('merging two halves equals seeing both', () => {
    const values = random('laplace', 8000, 7);
    const [a, b, both] = [observers[name].create(), observers[name].create(), observers[name].create()];
    feed(name, a, values.subarray(0, 3000), 1000);
    feed(name, b, values.subarray(3000), 1000);
    feed(name, both, values, 1000);
    a.merge(b);
    for (const target of [symmetric, asymmetric, int4]) {
      const got = a.range(target);
      const wanted = both.range(target);
      expect(got.min).toBeCloseTo(wanted.min, 12);
      expect(got.max).toBeCloseTo(wanted.max, 12);
    }
  });

  test('gives ranges inside the data that hold zero, centred when symmetric', () => {
    for (const values of [
      random('normal', 20_000, 8),
      random('normal', 20_000, 9).map((v) => Math.max(v, 0)),
      random('uniform', 20_000, 10).map((v) => v + 3),
      random('laplace', 20_000, 11).map((v) => Math.min(v, 0) - 1),
    ]) {
      const low = Math.min(...values, 0);
      const high = Math.max(...values, 0);
      for (const levels of [16, 128, 255, 256, 65536]) {
        const asym = rangeOf(name, values, { levels, symmetric: false });
        expect(asym.min).toBeLessThanOrEqual(0);
        expect(asym.max).toBeGreaterThanOrEqual(0);
        expect(asym.min).toBeGreaterThanOrEqual(low);
        expect(asym.max).toBeLessThanOrEqual(high);
        expect(asym.max - asym.min).toBeGreaterThan((high - low) / 20);
        const sym = rangeOf(name, values, { levels, symmetric: true });
        expect(sym.min).toBe(-sym.max);
        expect(sym.max).toBeLessThanOrEqual(Math.max(-low, high));
      }
    }
  });

  test('all zeros give an empty range, nothing seen gives a named error', () => {
    expect(rangeOf(name, new Float32Array(2000), asymmetric)).toEqual({ min: 0, max: 0 });
    const error = () => observers[name].create({ value: 'relu.out' }).range(symmetric);
    expect(error).toThrow("Value 'relu.out' was never seen while calibrating");
    const bad = () =>
      observers[name].create({ value: 'a', node: "Log 'log'" }).update(Float32Array.of(Number.NaN, 1));
    expect(bad).toThrow("Value 'a', made by Log 'log', is NaN on the calibration data");
  });
});

test('error texts', () => {
  expect(() =>
    observers['min-max'].create({ value: 'relu.out' }).range(symmetric),
  ).toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: Value 'relu.out' was never seen while calibrating, so it has no range. The graph gave empty tensors for it; calibrate with data that reaches it, or keep its nodes in float.]`,
  );
});

test('min-max is exact, moving average follows the batches', () => {
  const values = random('normal', 10_000, 12);
  expect(rangeOf('min-max', values, asymmetric)).toEqual({
    min: Math.min(...values),
    max: Math.max(...values),
  });
  const average = observers['moving-average'].create({ momentum: 0.5 });
  average.update(Float32Array.of(-1, 1));
  average.update(Float32Array.of(-3, 4));
  // weights 0.25 and 0.5 of 0.75
  expect(average.range(asymmetric)).toEqual({ min: -1.75 / 0.75, max: 2.25 / 0.75 });
});

test('percentile leaves out the share it was asked to', () => {
  const values = random('laplace', 200_000, 13);
  for (const percentile of [99, 99.9]) {
    const outside = 1 - percentile / 100;
    const observer = observers.percentile.create({ percentile });
    observer.update(values);
    const { min, max } = observer.range(asymmetric);
    expect(values.filter((v) => v > max).length / values.length).toBeCloseTo(outside, 3);
    expect(values.filter((v) => v < min).length / values.length).toBeCloseTo(outside, 3);
    const { max: bound } = observer.range(symmetric);
    expect(values.filter((v) => Math.abs(v) > bound).length / values.length).toBeCloseTo(outside, 3);
  }
});

test("the histogram's error is the error of really quantizing", () => {
  for (const values of [
    random('laplace', 100_000, 14),
    random('normal', 100_000, 15).map((v) => Math.max(v, 0)),
  ]) {
    const histogram = new Histogram();
    histogram.update(values);
    for (const target of [
      symmetric,
      asymmetric,
      int4,
      { levels: 15, symmetric: true },
      { levels: 16, symmetric: false },
    ]) {
      for (const ratio of [1, 0.6, 0.3]) {
        const range = { min: histogram.min * ratio, max: histogram.max * ratio };
        const wanted = measured(values, range, target);
        expect(meanSquaredError(histogram, gridOf(range, target)) / wanted).toBeCloseTo(1, 1);
      }
    }
  }
});

/** Over the best of all clips. OCTAV takes rounding noise as uniform, which 4-bit codes of a peak are not. */
const overBest = { mse: 1.02, octav: 1.05 };

test.each(['mse', 'octav'] as const)('%s comes within a hair of the best clip of all', (name) => {
  for (const kind of ['normal', 'laplace'] as const) {
    for (const relu of [false, true]) {
      const values = random(kind, 100_000, 16).map((v) => (relu ? Math.max(v, 0) : v));
      const bound = Math.max(...values.map(Math.abs));
      for (const levels of [16, 64, 256]) {
        const target = { levels, symmetric: !relu };
        let best = Number.POSITIVE_INFINITY;
        for (let k = 1; k <= 60; k++) {
          const max = (bound * k) / 60;
          best = Math.min(best, measured(values, { min: relu ? 0 : -max, max }, target));
        }
        expect(measured(values, rangeOf(name, values, target), target)).toBeLessThan(best * overBest[name]);
      }
    }
  }
});

test('octav finds the known optima of the Gaussian and the Laplace distribution at 4 bits', () => {
  // Fixed points of the paper's equation with D = 2 s / 15, by numerical integration of the densities.
  const gauss = rangeOf('octav', random('normal', 1_000_000, 17), int4).max;
  const laplace = rangeOf('octav', random('laplace', 1_000_000, 18), int4).max;
  expect(gauss / fixedPoint((x) => Math.exp((-x * x) / 2) * Math.sqrt(2 / Math.PI), 16)).toBeCloseTo(1, 1);
  expect(laplace / fixedPoint((x) => Math.exp(-x), 16)).toBeCloseTo(1, 1);
});

/** The paper's iteration on a density over |x|. */
function fixedPoint(density: (x: number) => number, levels: number): number {
  const c = 1 / (3 * (levels - 1) ** 2);
  const dx = 1e-3;
  let s = 1;
  for (let i = 0; i < 60; i++) {
    let sum = 0;
    let tail = 0;
    for (let x = s + dx / 2; x < s + 40; x += dx) {
      sum += x * density(x) * dx;
      tail += density(x) * dx;
    }
    s = sum / (c * (1 - tail) + tail);
  }
  return s;
}

test('each end of a skewed distribution is clipped by itself', () => {
  // A dense body in [-1, 1], and a thin far tail on the right only.
  const body = random('uniform', 100_000, 19).map((v) => 2 * v - 1);
  const tail = random('uniform', 20, 20).map((v) => 20 + v);
  const values = Float32Array.from([...body, ...tail]);
  for (const name of ['mse', 'octav', 'percentile', 'entropy'] as const) {
    const range = rangeOf(name, values, asymmetric);
    expect(range.min).toBeGreaterThan(-1.3);
    expect(range.min).toBeLessThan(-0.8);
  }
  const best = rangeOf('mse', values, { levels: 16, symmetric: false });
  expect(measured(values, best, { levels: 16, symmetric: false })).toBeLessThan(
    measured(values, rangeOf('min-max', values, asymmetric), { levels: 16, symmetric: false }) / 2,
  );
});

test('entropy keeps a flat distribution whole and cuts a thin tail', () => {
  const flat = random('uniform', 200_000, 21).map((v) => 2 * v - 1);
  expect(rangeOf('entropy', flat, symmetric).max).toBeGreaterThan(0.95);
  const tailed = Float32Array.from([...random('normal', 200_000, 22), 40, 55, 60]);
  const { max } = rangeOf('entropy', tailed, symmetric);
  expect(max).toBeGreaterThan(2);
  expect(max).toBeLessThan(12);
});

test('entropy ignores the spike at zero that Relu makes', () => {
  const positive = random('normal', 200_000, 23).map(Math.abs);
  const spiked = Float32Array.from([...positive, ...new Float32Array(800_000)]);
  expect(rangeOf('entropy', spiked, asymmetric)).toEqual(rangeOf('entropy', positive, asymmetric));
});
