import { expect, test } from 'vitest';
import { seededRandom } from '../../tensor/index.ts';
import { ternaryMagnitude } from './ternary-magnitude.ts';

/** The same optimum by sorting everything. */
function bySorting(values: Float32Array, weights?: Float32Array): number {
  const order = [...values.keys()].sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!));
  let [sum, weight, most, best] = [0, 0, 0, 0];
  for (const i of order) {
    const w = weights ? weights[i]! : 1;
    sum += w * Math.abs(values[i]!);
    weight += w;
    const gain = weight > 0 ? sum ** 2 / weight : 0;
    if (gain > most) [most, best] = [gain, sum / weight];
  }
  return best;
}

const random = seededRandom(17);

test.each<[string, (u: number, i: number) => number]>([
  ['uniform', (u) => u],
  [
    'with heavy tails, every prefix near the optimum',
    (u) => Math.sign(u) / Math.sqrt(2 * Math.abs(u) + 1e-9),
  ],
  ['falling as 1 / sqrt i', (u, i) => Math.sign(u) / Math.sqrt(i + 1)],
  ['of few magnitudes', (u) => Math.round(8 * u) / 8],
  ['mostly small', (u) => u ** 5],
  ['tiny, with zeros', (u) => (u < -0.2 ? 0 : u * 1e-30)],
])('bins find what sorting finds: values %s', (_, make) => {
  for (let trial = 0; trial < 300; trial++) {
    const count = 1 + Math.floor(random() * (trial % 50 === 0 ? 6000 : 400));
    const values = Float32Array.from({ length: count }, (_, i) => make(random() - 0.5, i));
    // Some weights are 0.
    const weights = Float32Array.from({ length: count }, () => (random() < 0.2 ? 0 : 100 * random() ** 3));
    for (const w of [undefined, weights]) {
      const wanted = bySorting(values, w);
      expect(Math.abs(ternaryMagnitude(values, w) - wanted)).toBeLessThanOrEqual(1e-9 * wanted);
    }
  }
});

test('nothing, zeros and weights of 0 have no magnitude', () => {
  expect(ternaryMagnitude(new Float32Array(0))).toBe(0);
  expect(ternaryMagnitude(new Float32Array(9))).toBe(0);
  expect(ternaryMagnitude(Float32Array.of(1, -2), Float32Array.of(0, 0))).toBe(0);
});
