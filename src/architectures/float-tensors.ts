import type { SafetensorsFile, TensorSource } from '../files/index.ts';
import { withoutBitsandbytes } from './bitsandbytes-weights.ts';
import { CheckpointConfig, type JsonObject } from './checkpoint-config.ts';
import { type QuantizedWeights, quantizedWeights } from './quantized-checkpoint.ts';
import { withoutFloat8 } from './scaled-float8.ts';
import { withoutSchemes } from './stored-schemes.ts';

const CONFIG = 'config.json';

/**
 * The tensors of a checkpoint with the quantized ones as float32: exactly what their codes stand for.
 * `file`: config.json, for messages.
 * @throws checkpoint/scale-shape, checkpoint/bitsandbytes
 */
export async function floatTensors(
  tensors: ReadonlyMap<string, TensorSource>,
  file: string,
  quantized: QuantizedWeights | undefined,
): Promise<ReadonlyMap<string, TensorSource>> {
  // Their names say it even where config.json was lost or replaced.
  const named = quantized === undefined || quantized.method === 'bitsandbytes';
  const plain = named ? await withoutBitsandbytes(tensors, file) : tensors;
  return withoutFloat8(plain, file, quantized?.blockSize);
}

/**
 * The same for a file or a folder of safetensors of which only config.json is known, if that: tensors in a scheme of
 * ours, of bitsandbytes, and 8-bit floats with their factors are float32. A tensor that stays is the very object.
 * @throws checkpoint/quantized for codes that no values can be read from, checkpoint/scale-shape,
 * checkpoint/bitsandbytes, quantized/version, quantized/tensor
 */
export async function readableTensors(
  weights: Pick<SafetensorsFile, 'metadata' | 'tensors'>,
  json: JsonObject | undefined,
  folder: string,
): Promise<ReadonlyMap<string, TensorSource>> {
  const quantized = json && quantizedWeights(new CheckpointConfig(CONFIG, json));
  return floatTensors(withoutSchemes(weights, folder), CONFIG, quantized);
}
