import { elementCount } from '../../tensor/index.ts';
import { bookEntryBits } from '../formats/book-entries.ts';
import { formats } from '../formats/formats.ts';
import type { NumberFormat } from '../formats/number-format.ts';
import type { QuantizedTensor } from '../quantized-tensor.ts';
import type { ScaleType } from '../scheme.ts';
import type { CompositeTensor } from './composite.ts';

/** Stored bits of one tensor, part by part. */
export interface StoredBits {
  readonly codes: number;
  /** Of the base; where they are quantized themselves: their codes, second-level scales and mean. */
  readonly scales: number;
  readonly zeroPoints: number;
  readonly books: number;
  /** Positions and float16 values. */
  readonly outliers: number;
  /** Both float16 factors. */
  readonly lowRank: number;
  readonly total: number;
  /** total over the number of values; 0 of a tensor without values. */
  readonly perWeight: number;
}

/** Bits of one stored scale. */
export const scaleBits: Readonly<Record<ScaleType, number>> = {
  float32: 32,
  float16: 16,
  bfloat16: 16,
  float8e8m0: 8,
  float8e4m3fn: 8,
  float8e5m2: 8,
};

/** A plain quantized tensor: packed codes, scales of the scheme's type, zero points as codes or float32, books. */
export function quantizedBits(q: QuantizedTensor): StoredBits {
  const format: NumberFormat = formats[q.scheme.format];
  const scaleType = scaleBits[q.scheme.scaleType ?? 'float32'];
  return summed(elementCount(q.dims), {
    codes: q.codes.length * format.bits,
    scales: q.scale.length * ownScaleBits(format, scaleType) + (format.tensorScale ? 32 : 0),
    zeroPoints: (q.zeroPoint?.length ?? 0) * format.bits + (q.realZero?.length ?? 0) * 32,
    books: (q.book?.length ?? 0) * bookEntryBits(q.scheme),
    outliers: 0,
    lowRank: 0,
  });
}

/** Every stored bit of a composite, and the true bits per weight. */
export function compositeBits({ base, scales, outliers, lowRank }: CompositeTensor): StoredBits {
  const plain = quantizedBits(base);
  return summed(elementCount(base.dims), {
    codes: plain.codes,
    scales: scales ? quantizedBits(scales.codes).total + MEAN_BITS : plain.scales,
    zeroPoints: plain.zeroPoints,
    books: plain.books,
    outliers: outliers ? 32 * outliers.at.length + 16 * outliers.values.length : 0,
    lowRank: lowRank ? 16 * (lowRank.left.length + lowRank.right.length) : 0,
  });
}

/** The mean of the scales is a float32; 0 is stored too. */
const MEAN_BITS = 32;

/** Formats with blocks of their own say what a block's scale takes; where codes are the reals there is none. */
export function ownScaleBits(
  { block, bits, unit, bitsPerWeight, scaled }: NumberFormat,
  scaleType: number,
): number {
  if (block !== 'free') return (bitsPerWeight - bits / unit) * block;
  return scaled ? scaleType : 0;
}

function summed(values: number, parts: Omit<StoredBits, 'total' | 'perWeight'>): StoredBits {
  const total = Object.values(parts).reduce((sum, bits) => sum + bits, 0);
  return { ...parts, total, perWeight: values === 0 ? 0 : total / values };
}
