import type { TensorSource } from '../files/index.ts';
import { withoutBitsandbytes } from './bitsandbytes-weights.ts';
import { CheckpointConfig, type JsonObject } from './checkpoint-config.ts';
import { type QuantizedWeights, quantizedWeights } from './quantized-checkpoint.ts';
import { withoutFloat8 } from './scaled-float8.ts';

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
  const plain = quantized?.method === 'bitsandbytes' ? await withoutBitsandbytes(tensors, file) : tensors;
  return withoutFloat8(plain, file, quantized?.blockSize);
}

/**
 * The same for a folder of which only config.json is known.
 * @throws checkpoint/quantized for codes that no values can be read from
 */
export async function readableTensors(
  tensors: ReadonlyMap<string, TensorSource>,
  json: JsonObject,
  file = 'config.json',
): Promise<ReadonlyMap<string, TensorSource>> {
  return floatTensors(tensors, file, quantizedWeights(new CheckpointConfig(file, json)));
}
