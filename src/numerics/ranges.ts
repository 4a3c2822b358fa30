/** One way of finding the range of a block before it is cut into codes. */
export interface RangeRow {
  /** One sentence for `--help` and reports. */
  readonly description: string;
  /** Paper or standard. */
  readonly source: string;
}

/**
 * How ranges are found; each can be used with every uniform format.
 * To add one: a row here and its search in `range-search/`.
 */
export const ranges = {
  'min-max': { description: 'Covers every value.', source: 'Jacob et al. 2018, arXiv 1712.05877' },
  mse: {
    description: 'Scale and zero point of least (weighted) squared error.',
    source: 'Nagel et al. 2021, arXiv 2106.08295',
  },
  octav: {
    description: 'Clips where clipping and rounding noise balance.',
    source: 'Sakr et al. 2022, arXiv 2206.06501',
  },
} as const satisfies Record<string, RangeRow>;

/** A row of `ranges`. */
export type RangeSearch = keyof typeof ranges;
