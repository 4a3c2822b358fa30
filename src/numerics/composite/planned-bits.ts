import { elementCount } from '../../tensor/index.ts';
import { bookEntryBits } from '../formats/book-entries.ts';
import { formats } from '../formats/formats.ts';
import type { NumberFormat } from '../formats/number-format.ts';
import { scaleCount } from '../granularity.ts';
import { totalCodes } from '../total-codes.ts';
import type { CompositeScheme } from './composite.ts';
import { ownScaleBits, scaleBits } from './composite-bits.ts';

/**
 * Bits per value that a tensor of this shape would take, before it is quantized. Of parts whose size the values
 * decide (outliers by threshold or column) nothing is counted, so that this is never too much. 0 without values.
 */
export function plannedBits(scheme: CompositeScheme, dims: readonly number[]): number {
  const values = elementCount(dims);
  if (values === 0) return 0;
  const format: NumberFormat = formats[scheme.format];
  const blocks = scaleCount(scheme.granularity, dims);
  const { double, outliers, lowRank } = scheme;
  const scales = double
    ? blocks * formats[double.format].bits + 32 * Math.ceil(blocks / double.block)
    : blocks * ownScaleBits(format, scaleBits[scheme.scaleType ?? 'float32']);
  const rows = dims[0] ?? 1;
  const columns = values / rows;
  const kept = outliers && 'part' in outliers ? Math.round(outliers.part * values) : 0;
  const total =
    totalCodes(scheme, dims) * format.bits +
    scales +
    blocks * format.bookSize * bookEntryBits(scheme) +
    (scheme.symmetric ? 0 : blocks * (scheme.zero === 'real' ? 32 : format.bits)) +
    48 * kept +
    16 * Math.min(lowRank?.rank ?? 0, rows, columns) * (rows + columns);
  return total / values;
}
