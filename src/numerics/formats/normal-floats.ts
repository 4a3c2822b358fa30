import { levelFormat } from './level-format.ts';

/** The 16 levels of NF4 as bitsandbytes publishes them (Dettmers et al. 2023, QLoRA, arXiv 2305.14314, appendix E). */
const NF4 = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];

/** Levels at quantiles of the normal distribution. */
export const normalFloats = {
  nf4: levelFormat({
    name: 'nf4',
    family: 'normal-float',
    description: '4 bits, levels at quantiles of the normal distribution, one of them exactly 0.',
    source: 'Dettmers et al. 2023 (QLoRA), arXiv 2305.14314',
    bits: 4,
    levels: NF4,
  }),
};
