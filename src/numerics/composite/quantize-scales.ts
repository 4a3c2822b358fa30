import { perGroup } from '../granularity.ts';
import { dequantizeTensor, quantizeTensor } from '../quantize-tensor.ts';
import type { DoubleQuantization, QuantizedScales } from './composite.ts';

/**
 * Scales as codes: their mean is taken off if asked, and blocks of them share a second scale in float32.
 * `scales`: flat. The mean is summed in double precision and rounded to float32 once.
 * (Dettmers et al. 2023, QLoRA, arXiv 2305.14314, section 3.)
 */
export async function quantizeScales(
  scales: Float32Array,
  { format, block, removeMean, symmetric = true }: DoubleQuantization,
): Promise<QuantizedScales> {
  let sum = 0;
  if (removeMean) for (const scale of scales) sum += scale;
  const mean = Math.fround(sum / Math.max(1, scales.length));
  const codes = await quantizeTensor(
    scales.map((scale) => scale - mean),
    [scales.length],
    { format, granularity: perGroup(0, block), symmetric },
    { range: 'min-max', name: 'the scales' },
  );
  return { codes, mean };
}

/** The scales that codes and mean stand for: each step in float32. */
export function decodeScales({ codes, mean }: QuantizedScales): Float32Array {
  return dequantizeTensor(codes).map((scale) => scale + mean);
}
