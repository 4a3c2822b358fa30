import { kernelsNow } from '../../kernels/index.ts';
import type { QuantizationError } from '../quantization-error.ts';
import type { CompositeTensor } from './composite.ts';
import { dequantizeComposite } from './dequantize-composite.ts';

/** Measures a composite, all its parts added up, against the values it came from. */
export function compositeError(values: Float32Array, tensor: CompositeTensor): QuantizationError {
  const back = dequantizeComposite(tensor);
  const { signal, noise } = kernelsNow().measure.squares(values, back);
  let maxError = 0;
  for (let i = 0; i < values.length; i++) maxError = Math.max(maxError, Math.abs(values[i]! - back[i]!));
  return {
    mse: values.length ? noise / values.length : 0,
    sqnrDb: noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise),
    maxError,
  };
}
