import { seededRandom } from '../tensor/index.ts';

/** Deterministic values from known distributions, for tests. */

const draws = {
  uniform: (next: () => number) => next(),
  normal: (next: () => number) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  laplace: (next: () => number) => {
    const u = next() - 0.5;
    return -Math.sign(u) * Math.log(1 - 2 * Math.abs(u));
  },
};

/** `count` values of mean 0 and unit scale (uniform: in [0, 1)). */
export function random(kind: keyof typeof draws, count: number, seed: number): Float32Array {
  const next = seededRandom(seed);
  return Float32Array.from({ length: count }, () => draws[kind](next));
}
