import type { Family } from '../family.ts';
import {
  decoderKeys,
  expertKeys,
  expertWidthKey,
  headWidthKeys,
  rmsNormKey,
  sharedExpertWidthKey,
} from '../hyperparameters.ts';
import { expertsInAllLayers, headsFillHidden, oneOf, optionalWindowNote, silu } from '../requirements.ts';
import {
  attention,
  attentionBiases,
  attentionNorm,
  experts,
  feedForwardNorm,
  gatedFeedForward,
  headNorms,
  llamaLayer,
  output,
  outputNorm,
  requiredOutput,
  tokenEmbedding,
} from './tensor-rows.ts';

const defaults = {
  vocab_size: 151936,
  hidden_act: 'silu',
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  sliding_window: 4096,
};

/** Qwen 1.5, 2 and 2.5: Llama with biases on queries, keys and values. */
export const qwen2: Family = {
  name: 'Qwen2',
  huggingFace: ['Qwen2ForCausalLM', 'Qwen2Model'],
  architecture: 'qwen2',
  prefix: 'model.',
  defaults: {
    ...defaults,
    hidden_size: 4096,
    intermediate_size: 22016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
  },
  rope: { layout: 'halves', theta: 10_000, kinds: ['default', 'linear', 'dynamic', 'yarn'] },
  requirements: [silu, headsFillHidden],
  hyperparameters: [...decoderKeys, rmsNormKey],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    ...attentionBiases(),
    feedForwardNorm,
    ...gatedFeedForward,
    outputNorm,
    output,
  ],
  notes: optionalWindowNote,
  source: 'https://arxiv.org/abs/2407.10671; modeling_qwen2.py of transformers 5.23',
};

/** Qwen 1.5 and 2 with experts, and one that every token goes to. */
export const qwen2Moe: Family = {
  ...qwen2,
  name: 'Qwen2-MoE',
  huggingFace: ['Qwen2MoeForCausalLM'],
  architecture: 'qwen2moe',
  defaults: {
    ...defaults,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    moe_intermediate_size: 1408,
    shared_expert_intermediate_size: 5632,
    num_experts_per_tok: 4,
    num_experts: 60,
    norm_topk_prob: false,
  },
  requirements: [
    silu,
    headsFillHidden,
    ...expertsInAllLayers,
    oneOf('norm_topk_prob', false),
    oneOf('qkv_bias', true, undefined),
  ],
  hyperparameters: [...decoderKeys, rmsNormKey, ...expertKeys, expertWidthKey, sharedExpertWidthKey],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    ...attentionBiases(),
    feedForwardNorm,
    ...experts(),
    llamaLayer('ffn_gate_inp_shexp.weight', ['hidden'], 'mlp.shared_expert_gate.weight'),
    llamaLayer(
      'ffn_gate_shexp.weight',
      ['sharedFeedForward', 'hidden'],
      'mlp.shared_expert.gate_proj.weight',
    ),
    llamaLayer('ffn_up_shexp.weight', ['sharedFeedForward', 'hidden'], 'mlp.shared_expert.up_proj.weight'),
    llamaLayer(
      'ffn_down_shexp.weight',
      ['hidden', 'sharedFeedForward'],
      'mlp.shared_expert.down_proj.weight',
    ),
    outputNorm,
    ...requiredOutput(),
  ],
  source: 'https://qwenlm.github.io/blog/qwen-moe/; modeling_qwen2_moe.py of transformers 5.23',
};

/** Qwen 3: norms on queries and keys instead of biases. */
export const qwen3: Family = {
  ...qwen2,
  name: 'Qwen3',
  huggingFace: ['Qwen3ForCausalLM', 'Qwen3Model'],
  architecture: 'qwen3',
  defaults: { ...qwen2.defaults, head_dim: 128 },
  requirements: [silu, oneOf('attention_bias', false, undefined)],
  hyperparameters: [...decoderKeys, ...headWidthKeys, rmsNormKey],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    ...headNorms,
    feedForwardNorm,
    ...gatedFeedForward,
    outputNorm,
    output,
  ],
  source: 'https://arxiv.org/abs/2505.09388; modeling_qwen3.py of transformers 5.23',
};

/** Qwen 3 with experts. */
export const qwen3Moe: Family = {
  ...qwen3,
  name: 'Qwen3-MoE',
  huggingFace: ['Qwen3MoeForCausalLM'],
  architecture: 'qwen3moe',
  defaults: {
    ...defaults,
    hidden_size: 2048,
    intermediate_size: 6144,
    num_hidden_layers: 24,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    moe_intermediate_size: 768,
    num_experts_per_tok: 8,
    num_experts: 128,
    norm_topk_prob: false,
  },
  requirements: [
    silu,
    oneOf('attention_bias', false, undefined),
    ...expertsInAllLayers,
    oneOf('norm_topk_prob', true),
  ],
  hyperparameters: [...qwen3.hyperparameters, ...expertKeys, expertWidthKey],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    ...headNorms,
    feedForwardNorm,
    ...experts(),
    outputNorm,
    output,
  ],
  source: 'https://arxiv.org/abs/2505.09388; modeling_qwen3_moe.py of transformers 5.23',
};
