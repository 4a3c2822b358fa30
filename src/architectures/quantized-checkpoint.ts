import { fail } from '../tensor/index.ts';
import { CheckpointConfig, isObject, type JsonObject, shown } from './checkpoint-config.ts';

/** Layouts of quantized weights that are read: 8-bit floats with factors. Their block size, where it is said. */
export interface QuantizedWeights {
  readonly blockSize: readonly number[];
}

/** Whether each `quant_method` holds weights as 8-bit floats only. */
const readable: Readonly<Record<string, (config: JsonObject) => boolean>> = {
  fp8: () => true,
  fbgemm_fp8: () => true,
  'compressed-tensors': ({ format }) => format === 'float-quantized' || format === 'naive-quantized',
  modelopt: ({ quant_algo }) => quant_algo === 'FP8',
};

/**
 * Says how a checkpoint is quantized, if it is.
 * @throws checkpoint/quantized for codes that no float values can be read from: GPTQ, AWQ, bitsandbytes, ...
 */
export function quantizedWeights(config: CheckpointConfig): QuantizedWeights | undefined {
  const values = config.get('quantization_config', 'compression_config');
  if (!isObject(values)) return undefined;
  const inside = new CheckpointConfig(`${config.file}, quantization_config`, values);
  const method = inside.optionalText('quant_method') ?? 'an unnamed method';
  if (!Object.hasOwn(readable, method) || !readable[method]!(values)) {
    const format = inside.get('format', 'quant_algo');
    fail('checkpoint/quantized', {
      method: format === undefined ? method : `${method} (${shown(format)})`,
      known: Object.keys(readable),
    });
  }
  const size = inside.get('weight_block_size');
  const isSize = Array.isArray(size) && size.every((side) => Number.isSafeInteger(side) && side > 0);
  return { blockSize: isSize ? size : [] };
}
