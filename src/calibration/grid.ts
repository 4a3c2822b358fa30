import type { Range, RangeTarget } from './observer.ts';

/** The values that codes stand for: step * n for whole n in [low, high]. Zero is always one of them. */
export interface Grid {
  readonly step: number;
  readonly low: number;
  readonly high: number;
}

/** The grid that a range becomes, as affine quantization lays it: the zero point is a whole code. */
export function gridOf({ min, max }: Range, { levels, symmetric }: RangeTarget): Grid {
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
