import { signFormat } from './sign-format.ts';
import { ternaryMagnitude } from './ternary-magnitude.ts';

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
