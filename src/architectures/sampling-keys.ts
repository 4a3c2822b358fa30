import type { MetadataValue } from '../files/index.ts';
import { CheckpointConfig, type JsonObject } from './checkpoint-config.ts';
import { float32, int32 } from './metadata-values.ts';

/** Keys of generation_config.json that llama.cpp takes as a model's own defaults for sampling. */
const keys = {
  top_k: ['general.sampling.top_k', int32],
  top_p: ['general.sampling.top_p', float32],
  min_p: ['general.sampling.min_p', float32],
  temperature: ['general.sampling.temp', float32],
  repetition_penalty: ['general.sampling.penalty_repeat', float32],
} as const;

/** Sampling as the checkpoint recommends it; nothing where it recommends the likeliest token (no `do_sample`). */
export function samplingKeys(
  file: string,
  generation: JsonObject,
): readonly (readonly [string, MetadataValue])[] {
  const config = new CheckpointConfig(file, generation);
  if (!config.flag('do_sample')) return [];
  return Object.entries(keys).flatMap(([key, [name, value]]) => {
    const number = config.optionalNumber(key);
    return number === undefined ? [] : [[name, value(number)] as const];
  });
}
