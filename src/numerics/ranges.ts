import { absMax, overMagnitude } from './range-search/abs-max.ts';
import { hqq } from './range-search/hqq.ts';
import { kl } from './range-search/kl.ts';
import { minMax } from './range-search/min-max.ts';
import { mse } from './range-search/mse.ts';
import { octav } from './range-search/octav.ts';
import { percentile } from './range-search/percentile.ts';
import type { SearchRange } from './range-search/range-search.ts';
import { overRange, type Range, type ScaleAndZero, type UniformGrid } from './uniform-grid.ts';

/** One way of finding the range of a block before it is cut into codes. */
export interface RangeRow {
  /** One sentence for `--help` and reports. */
  readonly description: string;
  /** Paper or standard. */
  readonly source: string;
  readonly search: SearchRange;
  /** full: every value inside. parts: parts of that, by least squares. The kernel finds these for whole tiles. */
  readonly kernel?: 'full' | 'parts';
  /** Where the extremes of a block say everything: the parameters, from them alone. */
  readonly overExtremes?: (grid: UniformGrid, extremes: Range) => ScaleAndZero;
  /** A free zero point stays in the middle. */
  readonly centred?: boolean;
}

/**
 * How ranges are found; each can be used with every uniform format.
 * To add one: a row here and its search in `range-search/`.
 */
export const ranges = {
  'min-max': {
    description: 'Covers every value.',
    source: 'Jacob et al. 2018, arXiv 1712.05877',
    search: minMax,
    overExtremes: overRange,
    kernel: 'full',
  },
  'abs-max': {
    description: 'Covers every value, as far below zero as above it.',
    source: 'Wu et al. 2020, arXiv 2004.09602',
    search: absMax,
    overExtremes: overMagnitude,
    kernel: 'full',
    centred: true,
  },
  percentile: {
    description: 'Leaves out one value in a thousand at each end.',
    source: 'Wu et al. 2020, arXiv 2004.09602',
    search: percentile,
  },
  mse: {
    description: 'Scale and zero point of least (weighted) squared error.',
    source: 'Nagel et al. 2021, arXiv 2106.08295',
    search: mse,
    kernel: 'parts',
  },
  octav: {
    description: 'Clips where clipping and rounding noise balance.',
    source: 'Sakr et al. 2022, arXiv 2206.06501',
    search: octav,
  },
  kl: {
    description: 'Loses least information: least divergence between the histogram and its codes.',
    source: 'Migacz 2017, 8-bit inference with TensorRT',
    search: kl,
  },
  hqq: {
    description: 'Half-quadratic: zero point (or scale) of least l_0.7 error, which forgives outliers.',
    source: 'Badri and Shaji 2023, Half-Quadratic Quantization',
    search: hqq,
  },
} as const satisfies Record<string, RangeRow>;

/** A row of `ranges`. */
export type RangeSearch = keyof typeof ranges;
