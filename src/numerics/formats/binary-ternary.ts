import { signFormat } from './sign-format.ts';

/**
 * The magnitude of least (weighted) squared error for signs: the mean magnitude.
 * d/da of sum w (|x| - a)^2 is 0 at a = sum w |x| / sum w.
 */
export function meanMagnitude(values: Float32Array, importance?: Float32Array): number {
  let sum = 0;
  let weight = 0;
  for (let i = 0; i < values.length; i++) {
    const w = importance ? importance[i]! : 1;
    sum += w * Math.abs(values[i]!);
    weight += w;
  }
  return weight > 0 ? sum / weight : 0;
}

/**
 * The magnitude of least (weighted) squared error for -a, 0, a. With the values of a set S at +-a and the rest at 0
 * the best a is the mean magnitude m of S, and the error falls by weight(S) m^2. For any a the values beyond a/2
 * belong to S, so S is always the largest magnitudes: sorting and one pass over all of them finds the optimum. The
 * paper takes 0.7 times the mean magnitude as the threshold in its place, which is best for uniform values only.
 */
export function ternaryMagnitude(values: Float32Array, importance?: Float32Array): number {
  return importance ? weighedMagnitude(values, importance) : plainMagnitude(values);
}

function plainMagnitude(values: Float32Array): number {
  const magnitudes = values.map(Math.abs).sort();
  let sum = 0;
  let most = 0;
  let best = 0;
  for (let taken = 1; taken <= magnitudes.length; taken++) {
    sum += magnitudes[magnitudes.length - taken]!;
    const gain = (sum * sum) / taken;
    if (gain > most) {
      most = gain;
      best = sum / taken;
    }
  }
  return best;
}

function weighedMagnitude(values: Float32Array, importance: Float32Array): number {
  const order = [...values.keys()].sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!));
  let sum = 0;
  let weight = 0;
  let most = 0;
  let best = 0;
  for (const i of order) {
    sum += importance[i]! * Math.abs(values[i]!);
    weight += importance[i]!;
    const gain = weight > 0 ? (sum * sum) / weight : 0;
    if (gain > most) {
      most = gain;
      best = sum / weight;
    }
  }
  return best;
}

/** Signs with one magnitude per block. */
export const binaryAndTernary = {
  binary: signFormat({
    name: 'binary',
    family: 'binary-ternary',
    description: '1 bit: the sign, times the mean magnitude of the block.',
    source: 'Rastegari et al. 2016 (XNOR-Net), arXiv 1603.05279',
    zero: false,
    scaleOf: meanMagnitude,
  }),
  ternary: signFormat({
    name: 'ternary',
    family: 'binary-ternary',
    description: '2 bits hold -1, 0, 1; magnitude and threshold of least squared error.',
    source: 'Li et al. 2016 (TWN), arXiv 1605.04711; here the exact optimum',
    zero: true,
    scaleOf: ternaryMagnitude,
  }),
  // The paper adds 1e-5 to the mean so as not to divide by 0; a block of zeros is handled apart here.
  b158: signFormat({
    name: 'b158',
    family: 'binary-ternary',
    description: '2 bits hold -1, 0, 1 times the mean magnitude, as BitNet b1.58 trains its weights.',
    source: 'Ma et al. 2024 (BitNet b1.58), arXiv 2402.17764',
    zero: true,
    scaleOf: (values) => meanMagnitude(values),
  }),
};
