import { decodeFloat16 } from '../float-arrays.ts';
import { dequantizeTensor } from '../quantize-tensor.ts';
import type { CompositeTensor } from './composite.ts';
import { addLowRank } from './low-rank.ts';
import { flatPositions } from './outlier-places.ts';

/** The reals that a composite stands for, row-major: base, plus the product of low rank, plus outliers. */
export function dequantizeComposite({ scheme, base, outliers, lowRank }: CompositeTensor): Float32Array {
  const out = dequantizeTensor(base);
  if (lowRank) addLowRank(lowRank, out);
  if (outliers) {
    const added = decodeFloat16(outliers.values);
    const apart = flatPositions(outliers, base.dims, scheme);
    for (let i = 0; i < apart.length; i++) out[apart[i]!]! += added[i]!;
  }
  return out;
}
