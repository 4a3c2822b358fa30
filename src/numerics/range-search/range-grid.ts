import type { Range } from '../uniform-grid.ts';

/** The codes a range will be cut into: searches that minimise an error need to know. */
export interface RangeTarget {
  /** Number of levels: 256 for int8, 255 restricted, 128 reduced. */
  readonly levels: number;
  readonly symmetric: boolean;
  /** How a range becomes levels, where they are not whole steps from zero. */
  readonly lay?: (range: Range) => Grid;
}

/** The values that codes stand for: step * n for whole n in [low, high], zero one of them, unless `cell` says else. */
export interface Grid {
  readonly step: number;
  /** Outermost levels, in steps. */
  readonly low: number;
  readonly high: number;
  /** Which cell a value of so many steps lies in; default: the nearest whole number. */
  readonly cell?: (steps: number) => number;
}

/** The grid that a range becomes, as affine quantization lays it: the zero point is a whole code. */
export function gridOf(range: Range, { levels, symmetric, lay }: RangeTarget): Grid {
  if (lay) return lay(range);
  const { min, max } = range;
  if (symmetric) {
    const high = Math.ceil(levels / 2) - 1;
    return { step: Math.max(-min, max) / high, low: high + 1 - levels, high };
  }
  const lowest = Math.min(min, 0);
  const step = (Math.max(max, 0) - lowest) / (levels - 1);
  const low = step > 0 ? Math.round(lowest / step) : 0;
  return { step, low, high: levels - 1 + low };
}

/** The range as the target wants it: around zero when symmetric, and with zero inside in any case. */
export function fitRange(min: number, max: number, { symmetric }: RangeTarget): Range {
  if (symmetric) {
    const bound = Math.max(Math.abs(min), Math.abs(max));
    return { min: -bound, max: bound };
  }
  return { min: Math.min(min, 0), max: Math.max(max, 0) };
}

/** Each coarse step narrows the range by 2^-1/4; 33 of them reach 1/256 of it. */
const coarseSteps = 32;
const coarseRatio = 2 ** -0.25;
const fineSteps = 8;
/** Rounds over both ends of a two-sided range. */
const sideRounds = 2;

/**
 * Finds the range of least cost inside [min, max]: first both ends together, coarse then fine; then, for
 * two-sided asymmetric ranges, each end by itself. Costs need not be smooth. `smallest` is the least share
 * of the full range to try.
 */
export function searchRange(
  full: Range,
  target: RangeTarget,
  cost: (grid: Grid) => number,
  smallest = coarseRatio ** coarseSteps,
): Range {
  const whole = fitRange(full.min, full.max, target);
  if (whole.min === 0 && whole.max === 0) return whole;
  const along = (at: (ratio: number) => Range, narrowest: number, widest: number) => {
    let best = widest;
    let least = Number.POSITIVE_INFINITY;
    const attempt = (ratio: number) => {
      if (ratio < narrowest || ratio > widest) return;
      const got = cost(gridOf(at(ratio), target));
      if (got < least) [best, least] = [ratio, got];
    };
    for (let k = 0; k <= coarseSteps; k++) attempt(widest * coarseRatio ** k);
    const centre = best;
    for (let k = 1 - fineSteps; k < fineSteps; k++) attempt(centre * coarseRatio ** (k / fineSteps));
    return at(best);
  };
  let range = along((r) => ({ min: whole.min * r, max: whole.max * r }), smallest, 1);
  if (target.symmetric || whole.min === 0 || whole.max === 0) return range;
  for (let round = 0; round < sideRounds; round++) {
    const { min } = range;
    range = along((r) => ({ min, max: whole.max * r }), smallest, 1);
    const { max } = range;
    range = along((r) => ({ min: whole.min * r, max }), smallest, 1);
  }
  return range;
}
