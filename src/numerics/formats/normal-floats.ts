import { normalDistribution } from '../normal-distribution.ts';
import { evenly } from './evenly.ts';
import { levelFormat } from './level-format.ts';

const f = Math.fround;

/**
 * The levels of NF-k, ascending, [2^bits]: 2^(bits-1) positive and one less negative quantiles of the normal
 * distribution at evenly spaced probabilities, 0, all over the largest. The outermost probability lies half-way
 * between those that 2^bits and 2^bits - 1 equal parts would have: 0.9677083 for 4 bits. It is rounded to seven
 * digits, and every step to float32, as when the published table of NF4 was made: so the 16 values come out to the
 * last bit.
 * Source: Dettmers et al. 2023 (QLoRA), arXiv 2305.14314, section 3; `create_normal_map` of bitsandbytes.
 */
export function normalFloatLevels(bits: number): Float32Array {
  const codes = 2 ** bits;
  const outermost = Number((1 - (1 / codes + 1 / (codes - 1)) / 4).toFixed(7));
  const quantiles = (count: number) =>
    evenly(outermost, 0.5, count + 1)
      .subarray(0, count)
      .map((p) => normalDistribution.quantile(p));
  const positive = quantiles(codes / 2);
  const negative = quantiles(codes / 2 - 1).map((x) => -x);
  const largest = positive[0]!;
  return Float32Array.of(...negative, 0, ...positive)
    .sort()
    .map((x) => f(x / largest));
}

/**
 * AF4 for blocks of 64, as published to eight digits. Each free level halves the probability of its cell, which is
 * the condition of least absolute error, for normal values over the largest magnitude of 64; the cells next to 0
 * reach to 0 itself. The theory tests derive that distribution and hold the table to this.
 */
const AF4 = [
  -1, -0.69441008, -0.51243739, -0.3736951, -0.25607552, -0.14982478, -0.04934812, 0, 0.04273164, 0.12934483,
  0.21961274, 0.31675666, 0.42563882, 0.55496234, 0.72424863, 1,
];

const row = (bits: number) =>
  levelFormat({
    name: `nf${bits}`,
    family: 'normal-float',
    description: `${bits} bits, levels at quantiles of the normal distribution, one of them exactly 0.`,
    source: 'Dettmers et al. 2023 (QLoRA), arXiv 2305.14314',
    bits,
    levels: [...normalFloatLevels(bits)],
  });

/** Levels made for bell-shaped weights that are divided by their block's largest magnitude. */
export const normalFloats = {
  nf2: row(2),
  nf3: row(3),
  nf4: row(4),
  nf5: row(5),
  nf6: row(6),
  nf7: row(7),
  nf8: row(8),
  af4: levelFormat({
    name: 'af4',
    family: 'normal-float',
    description: '4 bits, levels of least absolute error for normal values in blocks of 64.',
    source: 'Yoshida 2023, arXiv 2306.06965',
    bits: 4,
    levels: AF4,
  }),
};
