import type { Family, Hyperparameter, ModelFacts, TensorRow } from '../family.ts';
import { decoderKeys, headWidthKeys, numberKey, rmsNormKey, slidingWindowKeys } from '../hyperparameters.ts';
import { geluTanh, oneOf } from '../requirements.ts';
import { plusOne } from '../tensor-forms.ts';
import { attention, gatedFeedForward, inLayer, output, tokenEmbedding, visionParts } from './tensor-rows.ts';

/**
 * Gemma 1 to 3, text. Norms hold what is added to one; embeddings are scaled in llama.cpp's graph as in
 * transformers; queries are scaled by the width of a head there, and here by `query_pre_attn_scalar`.
 */

const norm = (to: string, from: string): TensorRow =>
  inLayer(to, ['hidden'], plusOne(`model.layers.{layer}.${from}.weight`));

const outputNorm: TensorRow = {
  to: 'output_norm.weight',
  shape: ['hidden'],
  from: plusOne('model.norm.weight'),
};

const sandwichNorms: readonly TensorRow[] = [
  norm('post_attention_norm.weight', 'post_attention_layernorm'),
  norm('ffn_norm.weight', 'pre_feedforward_layernorm'),
  norm('post_ffw_norm.weight', 'post_feedforward_layernorm'),
];

/** llama.cpp tells the 27B models by their layers, and gives them another scale. */
const largest: Readonly<Record<string, number>> = { gemma2: 46, gemma3: 62 };

/**
 * What queries are multiplied by, so that llama.cpp's scale comes to `query_pre_attn_scalar`^-1/2: 1 for all
 * published models.
 */
function queryFactor({ config, sizes, family }: ModelFacts): number {
  const ofGraph =
    sizes.get('layers') === largest[family.architecture]
      ? Math.trunc(sizes.get('hidden') / sizes.get('heads'))
      : sizes.get('headDim');
  return Math.sqrt(ofGraph / config.positive('query_pre_attn_scalar'));
}

const softcap: Hyperparameter = numberKey('final_logit_softcapping', 'final_logit_softcapping');

const shared = {
  hidden_activation: 'gelu_pytorch_tanh',
  rms_norm_eps: 1e-6,
  head_dim: 256,
  tie_word_embeddings: true,
} as const;

export const gemma: Family = {
  name: 'Gemma',
  huggingFace: ['GemmaForCausalLM'],
  architecture: 'gemma',
  prefix: 'model.',
  defaults: {
    vocab_size: 256000,
    hidden_size: 3072,
    intermediate_size: 24576,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    head_dim: 256,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
  },
  rope: { layout: 'halves', theta: 10_000, kinds: ['default', 'linear', 'dynamic', 'yarn'] },
  // The first checkpoints say 'gelu' and mean the approximation; transformers takes it so, too.
  requirements: [
    oneOf('hidden_act', 'gelu_pytorch_tanh', 'gelu', undefined),
    oneOf('hidden_activation', 'gelu_pytorch_tanh', undefined),
    oneOf('attention_bias', false, undefined),
    oneOf('tie_word_embeddings', true),
    oneOf('use_bidirectional_attention', false, undefined),
  ],
  hyperparameters: [...decoderKeys, ...headWidthKeys, rmsNormKey],
  tensors: [
    tokenEmbedding,
    norm('attn_norm.weight', 'input_layernorm'),
    ...attention,
    norm('ffn_norm.weight', 'post_attention_layernorm'),
    ...gatedFeedForward,
    outputNorm,
  ],
  source: 'https://arxiv.org/abs/2403.08295; modeling_gemma.py of transformers 5.23',
};

const everySecond = (layer: number) => layer % 2 === 0;

export const gemma2: Family = {
  ...gemma,
  name: 'Gemma 2',
  huggingFace: ['Gemma2ForCausalLM'],
  architecture: 'gemma2',
  defaults: {
    ...shared,
    vocab_size: 256000,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    max_position_embeddings: 8192,
    query_pre_attn_scalar: 256,
    sliding_window: 4096,
    final_logit_softcapping: 30,
    attn_logit_softcapping: 50,
  },
  requirements: [
    geluTanh('hidden_activation'),
    oneOf('attention_bias', false, undefined),
    oneOf('tie_word_embeddings', true),
    oneOf('use_bidirectional_attention', false, undefined),
    { key: 'sliding_window', holds: (value) => value !== undefined, wanted: 'a sliding window' },
    { key: 'attn_logit_softcapping', holds: (value) => value !== undefined, wanted: 'capped attention' },
    { key: 'final_logit_softcapping', holds: (value) => value !== undefined, wanted: 'capped logits' },
  ],
  hyperparameters: [
    ...gemma.hyperparameters,
    ...slidingWindowKeys(everySecond),
    numberKey('attn_logit_softcapping', 'attn_logit_softcapping'),
    softcap,
  ],
  tensors: [
    tokenEmbedding,
    norm('attn_norm.weight', 'input_layernorm'),
    ...attention.map((row) =>
      row.to.endsWith('attn_q.weight')
        ? inLayer('attn_q.weight', row.shape, {
            kind: 'affine',
            from: 'model.layers.{layer}.self_attn.q_proj.weight',
            multiply: queryFactor,
          })
        : row,
    ),
    ...sandwichNorms,
    ...gatedFeedForward,
    outputNorm,
  ],
  source: 'https://arxiv.org/abs/2408.00118; modeling_gemma2.py of transformers 5.23',
};

const allButSixth = (layer: number) => (layer + 1) % 6 !== 0;

export const gemma3: Family = {
  ...gemma,
  name: 'Gemma 3',
  huggingFace: ['Gemma3ForCausalLM', 'Gemma3ForConditionalGeneration'],
  architecture: 'gemma3',
  defaults: {
    ...shared,
    vocab_size: 262208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    max_position_embeddings: 131072,
    query_pre_attn_scalar: 256,
    sliding_window: 4096,
    sliding_window_pattern: 6,
  },
  rope: {
    layout: 'halves',
    theta: 1_000_000,
    slidingTheta: 10_000,
    kinds: ['default', 'linear', 'dynamic', 'yarn'],
  },
  requirements: [
    geluTanh('hidden_activation'),
    oneOf('attention_bias', false, undefined),
    oneOf('attn_logit_softcapping', undefined),
    oneOf('use_bidirectional_attention', false, undefined),
  ],
  hyperparameters: [
    ...gemma.hyperparameters,
    ...slidingWindowKeys(
      allButSixth,
      (layer, { config }) =>
        (layer + 1) % config.count('sliding_window_pattern', '_sliding_window_pattern') !== 0,
    ),
    softcap,
  ],
  tensors: [
    tokenEmbedding,
    norm('attn_norm.weight', 'input_layernorm'),
    ...attention,
    inLayer('attn_q_norm.weight', ['headDim'], {
      kind: 'affine',
      from: 'model.layers.{layer}.self_attn.q_norm.weight',
      add: 1,
      multiply: queryFactor,
    }),
    inLayer('attn_k_norm.weight', ['headDim'], plusOne('model.layers.{layer}.self_attn.k_norm.weight')),
    ...sandwichNorms,
    ...gatedFeedForward,
    outputNorm,
    output,
  ],
  leftOut: visionParts,
  source: 'https://arxiv.org/abs/2503.19786; modeling_gemma3.py of transformers 5.23',
};
