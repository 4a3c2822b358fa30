import { decodeSmallFloat, encodeSmallFloat, smallFloats } from '../../kernels/index.ts';
import type { RangeChoice, ScaleType } from '../scheme.ts';

/** Types that books are stored in: the other scale types have too few values without a scale of their own. */
const narrow: Partial<Record<ScaleType, 'float16' | 'bfloat16'>> = {
  float16: 'float16',
  bfloat16: 'bfloat16',
};

/** Bits of one stored entry of a learned book under a scheme. */
export function bookEntryBits({ scaleType }: Partial<RangeChoice>): 16 | 32 {
  return scaleType && narrow[scaleType] ? 16 : 32;
}

/** Entries of a learned book as they will be stored: float32, or float16 or bfloat16 if scales are; never -0. */
export function bookEntries(entries: Float64Array, { scaleType }: Partial<RangeChoice>): Float32Array {
  const stored = Float32Array.from(entries, (x) => x + 0);
  const type = scaleType && narrow[scaleType];
  if (!type) return stored;
  const row = smallFloats[type];
  return stored.map((x) => decodeSmallFloat(encodeSmallFloat(x, row, true), row) + 0);
}
