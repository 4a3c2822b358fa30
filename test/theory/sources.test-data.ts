import { seededRandom } from '../../src/tensor/index.ts';

/** `count` normal values of variance 1 that repeat from run to run (Box and Muller 1958). */
export function gaussian(count: number, seed = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

/** `count` values of the Laplace distribution of variance 1. */
export function laplacian(count: number, seed = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const x = -Math.log(1 - random()) / Math.SQRT2;
    return random() < 0.5 ? -x : x;
  });
}

/**
 * Laplace values of variance 1 within +-peak, one in the middle of each of `count` parts of equal probability: a
 * mean over them is an integral over the distribution.
 */
export function laplaceQuantiles(count: number, peak: number): Float32Array {
  const inside = 1 - Math.exp(-Math.SQRT2 * peak);
  return Float32Array.from({ length: count }, (_, i) => {
    const u = (2 * (i + 0.5)) / count - 1;
    return (-Math.sign(u) * Math.log(1 - Math.abs(u) * inside)) / Math.SQRT2;
  });
}

/** 10 log10 of power over squared error. */
export function sqnrDb(values: Float32Array, back: Float32Array): number {
  let power = 0;
  let error = 0;
  values.forEach((x, i) => {
    power += x * x;
    error += (x - back[i]!) ** 2;
  });
  return 10 * Math.log10(power / error);
}
