import { fail } from '../tensor/index.ts';
import { CheckpointConfig, isObject, type JsonObject, shown } from './checkpoint-config.ts';

/** How a checkpoint is quantized. */
export interface QuantizedWeights {
  /** `quant_method`. */
  readonly method: string;
  /** 8-bit floats with factors: the size of their blocks, where it is said. */
  readonly blockSize: readonly number[];
}

/** Whether the weights of each `quant_method` are read: 8-bit floats only, and those of bitsandbytes. */
const readable: Readonly<Record<string, (config: JsonObject) => boolean>> = {
  bitsandbytes: () => true,
  fp8: () => true,
  fbgemm_fp8: () => true,
  'compressed-tensors': ({ format }) => format === 'float-quantized' || format === 'naive-quantized',
  modelopt: ({ quant_algo }) => quant_algo === 'FP8',
};

/**
 * Says how a checkpoint is quantized, if it is.
 * @throws checkpoint/quantized for codes that no float values can be read from: GPTQ, AWQ, ...
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
  return { method, blockSize: isSize ? size : [] };
}
