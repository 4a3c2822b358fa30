import type { RangeSearch } from '../ranges.ts';
import type { RangeChoice } from '../scheme.ts';

/** An option of a scheme: `symmetric` stands for a zero point that may be anywhere. */
export type SchemeOption = keyof RangeChoice | 'range';

/** What a format reads of a scheme; other options would change nothing and are refused in texts. */
export interface SchemeOptions {
  readonly reads: readonly SchemeOption[];
  /** Ways of finding ranges that it knows, where it reads `range`; absent: all. */
  readonly ranges?: readonly RangeSearch[];
}

const levelRanges: readonly RangeSearch[] = ['min-max', 'abs-max', 'mse'];

/** By kind of format. */
export const schemeOptions = {
  /** Evenly spaced levels whose zero point may be anywhere. */
  integers: {
    reads: [
      'symmetric',
      'restricted',
      'reduced',
      'powerOfTwo',
      'scaleType',
      'rounding',
      'seed',
      'zero',
      'range',
    ],
  },
  /** Two bits and fewer have no bit to leave out. */
  narrowIntegers: {
    reads: ['symmetric', 'restricted', 'powerOfTwo', 'scaleType', 'rounding', 'seed', 'zero', 'range'],
  },
  /** Evenly spaced levels around a fixed middle. */
  centred: { reads: ['powerOfTwo', 'scaleType', 'rounding', 'seed', 'range'] },
  /** Fixed levels under a scale that covers every value or has the least error. */
  levels: { reads: ['powerOfTwo', 'scaleType', 'range'], ranges: levelRanges },
  /** Blocks whose scales have a type of their own. */
  blocks: { reads: ['range'], ranges: levelRanges },
  /** One magnitude, from the values themselves. */
  signs: { reads: ['powerOfTwo', 'scaleType'] },
  /** Learned levels; the type of scales is that of the entries. */
  book: { reads: ['scaleType'] },
  /** Learned from random beginnings. */
  seededBook: { reads: ['scaleType', 'seed'] },
  /** Codes that are the reals themselves. */
  none: { reads: [] },
} as const satisfies Record<string, SchemeOptions>;
