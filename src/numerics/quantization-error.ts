import { kernelsNow } from '../kernels/index.ts';
import { encodedTiles } from './encoded-tiles.ts';
import { formats } from './formats/formats.ts';
import type { NumberFormat } from './formats/number-format.ts';
import type { QuantizedTensor } from './quantized-tensor.ts';

/** What rounding cost one tensor. */
export interface QuantizationError {
  /** Mean squared error per value. */
  readonly mse: number;
  /** Signal to quantization noise: 10 log10(sum x^2 / sum (x - q)^2) in dB; Infinity without error. */
  readonly sqnrDb: number;
  readonly maxError: number;
}

/** Measures a quantized tensor against the values it came from, a tile at a time. */
export function quantizationError(values: Float32Array, q: QuantizedTensor): QuantizationError {
  const format: NumberFormat = formats[q.scheme.format];
  let signal = 0;
  let noise = 0;
  let maxError = 0;
  for (const { tile, encoded } of encodedTiles(q)) {
    const was = tile.gather(values);
    const is = format.decode(encoded, tile.layout);
    const sums = kernelsNow().measure.squares(was, is);
    signal += sums.signal;
    noise += sums.noise;
    for (let i = 0; i < was.length; i++) maxError = Math.max(maxError, Math.abs(was[i]! - is[i]!));
  }
  return {
    mse: values.length ? noise / values.length : 0,
    sqnrDb: noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise),
    maxError,
  };
}
