import type { Family, ModelFacts } from '../family.ts';
import { decoderKeys, layerNormKey } from '../hyperparameters.ts';
import { bool } from '../metadata-values.ts';
import { headsFillHidden, silu } from '../requirements.ts';
import { same, stacked } from '../tensor-forms.ts';
import {
  attention,
  attentionBiases,
  attentionNorm,
  feedForwardNorm,
  gatedFeedForward,
  inLayer,
  llamaLayer,
  outputNorm,
  requiredOutput,
  tokenEmbedding,
  whenSet,
} from './tensor-rows.ts';

/** Attention and feed-forward beside each other have one norm. */
const oneAfterTheOther = ({ config }: ModelFacts) => !config.flag('use_parallel_residual');

/** Each head has a norm of its own. */
const headNorms = 'model.layers.{layer}.self_attn.';

/** StableLM 1 to 2: part of each head is turned; the 12B model has norms on every head. */
export const stablelm: Family = {
  name: 'StableLM',
  huggingFace: ['StableLmForCausalLM', 'StableLMEpochForCausalLM'],
  architecture: 'stablelm',
  prefix: 'model.',
  defaults: {
    vocab_size: 50304,
    hidden_size: 2560,
    intermediate_size: 6912,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    hidden_act: 'silu',
    max_position_embeddings: 4096,
    layer_norm_eps: 1e-5,
  },
  rope: { layout: 'halves', theta: 10_000, partial: 0.25, kinds: ['default', 'linear', 'dynamic', 'yarn'] },
  requirements: [silu, headsFillHidden],
  hyperparameters: [
    ...decoderKeys,
    { key: 'use_parallel_residual', value: ({ config }) => bool(config.flag('use_parallel_residual')) },
    layerNormKey,
  ],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    llamaLayer('attn_norm.bias', ['hidden'], 'input_layernorm.bias'),
    ...attention,
    ...attentionBiases(whenSet('use_qkv_bias')),
    inLayer(
      'attn_q_norm.weight',
      ['heads', 'headDim'],
      stacked(`${headNorms}q_layernorm.norms.{part}.weight`, 'heads'),
      whenSet('qk_layernorm'),
    ),
    inLayer(
      'attn_k_norm.weight',
      ['keyHeads', 'headDim'],
      stacked(`${headNorms}k_layernorm.norms.{part}.weight`, 'keyHeads'),
      whenSet('qk_layernorm'),
    ),
    { ...feedForwardNorm, when: oneAfterTheOther },
    llamaLayer('ffn_norm.bias', ['hidden'], 'post_attention_layernorm.bias', oneAfterTheOther),
    ...gatedFeedForward,
    outputNorm,
    { to: 'output_norm.bias', shape: ['hidden'], from: same('model.norm.bias') },
    ...requiredOutput(),
  ],
  source: 'https://arxiv.org/abs/2402.17834; modeling_stablelm.py of transformers 5.23',
};
