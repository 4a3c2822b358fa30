import type { Hyperparameter, ModelFacts } from './family.ts';
import { bools, float32, uint32 } from './metadata-values.ts';
import type { SizeName } from './sizes.ts';

const size = (key: string, name: SizeName): Hyperparameter => ({
  key,
  value: ({ sizes }) => uint32(sizes.get(name)),
});

/** Keys that every decoder has. Those of rotary positions come from `ropeKeys`. */
export const decoderKeys: readonly Hyperparameter[] = [
  size('vocab_size', 'vocab'),
  size('context_length', 'positions'),
  size('embedding_length', 'hidden'),
  size('block_count', 'layers'),
  size('feed_forward_length', 'feedForward'),
  size('attention.head_count', 'heads'),
  size('attention.head_count_kv', 'keyHeads'),
];

/** Where the width of a head is not what hidden size and heads give. */
export const headWidthKeys: readonly Hyperparameter[] = [
  size('attention.key_length', 'headDim'),
  size('attention.value_length', 'headDim'),
];

/** Root mean square norms. */
export const rmsNormKey: Hyperparameter = {
  key: 'attention.layer_norm_rms_epsilon',
  value: ({ config }) => float32(config.positive('rms_norm_eps')),
};

/** Norms that take the mean away. */
export const layerNormKey: Hyperparameter = {
  key: 'attention.layer_norm_epsilon',
  value: ({ config }) => float32(config.positive('layer_norm_eps', 'layer_norm_epsilon', 'norm_eps')),
};

export const expertKeys: readonly Hyperparameter[] = [
  size('expert_count', 'experts'),
  size('expert_used_count', 'usedExperts'),
];

export const expertWidthKey = size('expert_feed_forward_length', 'expertFeedForward');
export const sharedExpertWidthKey = size('expert_shared_feed_forward_length', 'sharedFeedForward');

/** A key with the number of a key of config.json, where that has one. */
export const numberKey = (key: string, ...from: readonly string[]): Hyperparameter => ({
  key,
  value({ config }) {
    const value = config.optionalNumber(...from);
    return value === undefined ? undefined : float32(value);
  },
});

/** Whether each layer sees a window only: `layer_types`, else what the family does by default. */
export function slidingLayers(
  { config, sizes }: ModelFacts,
  byDefault: (layer: number) => boolean,
): boolean[] {
  const layers = sizes.get('layers');
  const types = config.optionalTexts('layer_types', layers);
  return Array.from({ length: layers }, (_, i) =>
    types === undefined ? byDefault(i) : types[i] === 'sliding_attention',
  );
}

/**
 * The window, and which layers have it where that is not llama.cpp's own pattern.
 * @param pattern of llama.cpp's graph: whether a layer has the window
 * @param byDefault what transformers does without `layer_types`
 */
export const slidingWindowKeys = (
  pattern: (layer: number) => boolean,
  byDefault: (layer: number, facts: ModelFacts) => boolean = pattern,
): readonly Hyperparameter[] => [
  {
    key: 'attention.sliding_window',
    value({ config }) {
      const window = config.optionalCount('sliding_window');
      return window === undefined ? undefined : uint32(window);
    },
  },
  {
    key: 'attention.sliding_window_pattern',
    value(facts) {
      const layers = slidingLayers(facts, (layer) => byDefault(layer, facts));
      return layers.every((sliding, i) => sliding === pattern(i)) ? undefined : bools(layers);
    },
  },
];
