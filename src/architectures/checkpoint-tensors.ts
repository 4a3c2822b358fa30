import type { TensorSource } from '../files/index.ts';
import type { Family } from './family.ts';

/** Tensors that no graph reads, by the ends of their names: frequencies and masks that are computed anew. */
const computedAnew = /(rotary_emb\.(inv_freq|cos_cached|sin_cached)|\.(attn|attention)\.(masked_)?bias)$/;

const output = /^lm_head\./;

export interface CheckpointTensors {
  /** By the names that the family's rows use. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** How many were left out because GGUF keeps them elsewhere. */
  readonly leftOut: number;
}

/**
 * The tensors of a checkpoint under one spelling of their names: without `language_model.`, which models with more
 * than text put before or behind the prefix, and with the prefix that saved base models lack.
 */
export function checkpointTensors(
  given: ReadonlyMap<string, TensorSource>,
  { prefix, leftOut }: Family,
): CheckpointTensors {
  const named = new Map<string, TensorSource>();
  let left = 0;
  for (const [name, tensor] of given) {
    if (leftOut?.test(name)) left++;
    else if (!computedAnew.test(name)) named.set(name.replace('language_model.', ''), tensor);
  }
  const hasPrefix = [...named.keys()].some((name) => name.startsWith(prefix));
  if (hasPrefix) return { tensors: named, leftOut: left };
  const tensors = new Map<string, TensorSource>();
  for (const [name, tensor] of named) tensors.set(output.test(name) ? name : prefix + name, tensor);
  return { tensors, leftOut: left };
}
