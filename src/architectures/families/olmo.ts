import type { Family, Requirement } from '../family.ts';
import {
  decoderKeys,
  expertKeys,
  headWidthKeys,
  numberKey,
  rmsNormKey,
  slidingWindowKeys,
} from '../hyperparameters.ts';
import { float32 } from '../metadata-values.ts';
import { headsFillHidden, oneOf, silu } from '../requirements.ts';
import {
  attention,
  attentionNorm,
  experts,
  feedForwardNorm,
  gatedFeedForward,
  llamaLayer,
  output,
  outputNorm,
  requiredOutput,
  tokenEmbedding,
  wideNorms,
} from './tensor-rows.ts';

const noBias = oneOf('attention_bias', false, undefined);

/** OLMo 1: norms without weights. */
export const olmo: Family = {
  name: 'OLMo',
  huggingFace: ['OlmoForCausalLM'],
  architecture: 'olmo',
  prefix: 'model.',
  defaults: {
    vocab_size: 50304,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    hidden_act: 'silu',
    max_position_embeddings: 2048,
  },
  rope: { layout: 'interleaved', theta: 10_000, kinds: ['default', 'linear', 'dynamic', 'yarn'] },
  requirements: [silu, headsFillHidden, noBias],
  hyperparameters: [
    ...decoderKeys,
    // A constant of the code.
    { key: 'attention.layer_norm_epsilon', value: () => float32(1e-5) },
    numberKey('attention.clamp_kqv', 'clip_qkv'),
  ],
  tensors: [tokenEmbedding, ...attention, ...gatedFeedForward, output],
  source: 'https://arxiv.org/abs/2402.00838; modeling_olmo.py of transformers 5.23',
};

/** OLMo 2: norms after attention and feed-forward, and over all queries and all keys. */
export const olmo2: Family = {
  ...olmo,
  name: 'OLMo 2',
  huggingFace: ['Olmo2ForCausalLM'],
  architecture: 'olmo2',
  defaults: { ...olmo.defaults, rms_norm_eps: 1e-5 },
  rope: { layout: 'halves', theta: 10_000, kinds: ['default', 'linear', 'dynamic', 'yarn'] },
  hyperparameters: [...decoderKeys, ...headWidthKeys, rmsNormKey],
  tensors: [
    tokenEmbedding,
    ...attention,
    ...wideNorms,
    llamaLayer('post_attention_norm.weight', ['hidden'], 'post_attention_layernorm.weight'),
    ...gatedFeedForward,
    llamaLayer('post_ffw_norm.weight', ['hidden'], 'post_feedforward_layernorm.weight'),
    outputNorm,
    ...requiredOutput(),
  ],
  source: 'https://arxiv.org/abs/2501.00656; modeling_olmo2.py of transformers 5.23',
};

/** llama.cpp turns layers with a window by the base of the others. */
const oneBase: Requirement = {
  key: 'rope_theta',
  holds: (_, { rope }) => rope?.sliding === undefined || rope.sliding.theta === rope.full.theta,
  wanted: 'one rope_theta for all layers',
};

const allButFourth = (layer: number) => (layer + 1) % 4 !== 0;

/** OLMo 3: OLMo 2 with a window in three of four layers. */
export const olmo3: Family = {
  ...olmo2,
  name: 'OLMo 3',
  huggingFace: ['Olmo3ForCausalLM'],
  defaults: { ...olmo2.defaults, sliding_window: 4096 },
  rope: { ...olmo2.rope!, theta: 500_000, slidingTheta: 500_000 },
  requirements: [...olmo2.requirements, oneBase],
  hyperparameters: [...olmo2.hyperparameters, ...slidingWindowKeys(allButFourth)],
  source: 'https://arxiv.org/abs/2512.13961; modeling_olmo3.py of transformers 5.23',
};

/** OLMo with experts. */
export const olmoe: Family = {
  ...olmo2,
  name: 'OLMoE',
  huggingFace: ['OlmoeForCausalLM'],
  architecture: 'olmoe',
  defaults: {
    ...olmo.defaults,
    hidden_size: 2048,
    intermediate_size: 2048,
    num_hidden_layers: 16,
    num_attention_heads: 16,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    num_experts_per_tok: 8,
    num_experts: 64,
    norm_topk_prob: false,
  },
  requirements: [
    ...olmo.requirements,
    oneOf('clip_qkv', undefined),
    oneOf('norm_topk_prob', false),
    {
      key: 'num_key_value_heads',
      holds: (_, { sizes }) => sizes.get('keyHeads') === sizes.get('heads'),
      wanted: 'as many heads of keys as of queries',
    },
  ],
  hyperparameters: [...decoderKeys, rmsNormKey, ...expertKeys],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    ...wideNorms,
    feedForwardNorm,
    ...experts(),
    outputNorm,
    ...requiredOutput(),
  ],
  source: 'https://arxiv.org/abs/2409.02060; modeling_olmoe.py of transformers 5.23',
};
