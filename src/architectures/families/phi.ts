import type { Family } from '../family.ts';
import { decoderKeys, layerNormKey, rmsNormKey } from '../hyperparameters.ts';
import { uint32 } from '../metadata-values.ts';
import { geluTanh, headsFillHidden, oneOf, silu, windowNote } from '../requirements.ts';
import { same } from '../tensor-forms.ts';
import {
  attention,
  attentionBiases,
  attentionNorm,
  feedForwardNorm,
  llamaLayer,
  output,
  outputNorm,
  requiredOutput,
  tokenEmbedding,
} from './tensor-rows.ts';

/** Phi 1, 1.5 and 2: attention and feed-forward beside each other, everything with biases. */
export const phi2: Family = {
  name: 'Phi-2',
  huggingFace: ['PhiForCausalLM'],
  architecture: 'phi2',
  prefix: 'model.',
  defaults: {
    vocab_size: 51200,
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 24,
    num_attention_heads: 32,
    hidden_act: 'gelu_new',
    max_position_embeddings: 2048,
    layer_norm_eps: 1e-5,
  },
  rope: { layout: 'halves', theta: 10_000, partial: 0.5, kinds: ['default', 'linear', 'dynamic', 'yarn'] },
  requirements: [geluTanh('hidden_act'), headsFillHidden, oneOf('qk_layernorm', false, undefined)],
  hyperparameters: [...decoderKeys, layerNormKey],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    llamaLayer('attn_norm.bias', ['hidden'], 'input_layernorm.bias'),
    ...attention.slice(0, 3),
    ...attentionBiases(),
    llamaLayer('attn_output.weight', ['hidden', 'query'], 'self_attn.dense.weight'),
    llamaLayer('attn_output.bias', ['hidden'], 'self_attn.dense.bias'),
    llamaLayer('ffn_up.weight', ['feedForward', 'hidden'], 'mlp.fc1.weight'),
    llamaLayer('ffn_up.bias', ['feedForward'], 'mlp.fc1.bias'),
    llamaLayer('ffn_down.weight', ['hidden', 'feedForward'], 'mlp.fc2.weight'),
    llamaLayer('ffn_down.bias', ['hidden'], 'mlp.fc2.bias'),
    { to: 'output_norm.weight', shape: ['hidden'], from: same('model.final_layernorm.weight') },
    { to: 'output_norm.bias', shape: ['hidden'], from: same('model.final_layernorm.bias') },
    ...requiredOutput(),
    { to: 'output.bias', shape: ['vocab'], from: same('lm_head.bias') },
  ],
  source: 'https://arxiv.org/abs/2309.05463; modeling_phi.py of transformers 5.23',
};

/** Phi 3, 3.5 and 4 (mini too): queries, keys and values in one matrix, gate and up in another. */
export const phi3: Family = {
  name: 'Phi-3',
  huggingFace: ['Phi3ForCausalLM'],
  architecture: 'phi3',
  prefix: 'model.',
  defaults: {
    vocab_size: 32064,
    hidden_size: 3072,
    intermediate_size: 8192,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    hidden_act: 'silu',
    max_position_embeddings: 4096,
    original_max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
  },
  rope: {
    layout: 'halves',
    theta: 10_000,
    partial: 1,
    kinds: ['default', 'longrope'],
    aliases: { su: 'longrope', yarn: 'longrope' },
  },
  requirements: [silu, headsFillHidden],
  hyperparameters: [
    ...decoderKeys,
    rmsNormKey,
    {
      key: 'attention.sliding_window',
      // llama.cpp keeps the number and does not use it; 0 says that there is none.
      value: ({ config }) => uint32(config.optionalCount('sliding_window') ?? 0),
    },
  ],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    llamaLayer('attn_qkv.weight', ['queryKeyValue', 'hidden'], 'self_attn.qkv_proj.weight'),
    llamaLayer('attn_output.weight', ['hidden', 'query'], 'self_attn.o_proj.weight'),
    feedForwardNorm,
    llamaLayer('ffn_up.weight', ['gateAndUp', 'hidden'], 'mlp.gate_up_proj.weight'),
    llamaLayer('ffn_down.weight', ['hidden', 'feedForward'], 'mlp.down_proj.weight'),
    outputNorm,
    output,
  ],
  notes: windowNote,
  source: 'https://arxiv.org/abs/2404.14219; modeling_phi3.py of transformers 5.23',
};
