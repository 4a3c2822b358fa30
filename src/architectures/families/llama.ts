import type { Family } from '../family.ts';
import { decoderKeys, headWidthKeys, rmsNormKey } from '../hyperparameters.ts';
import { silu, windowNote } from '../requirements.ts';
import {
  attention,
  attentionBiases,
  attentionNorm,
  feedForwardBiases,
  feedForwardNorm,
  gatedFeedForward,
  llamaLayer,
  output,
  outputNorm,
  tokenEmbedding,
  whenSet,
} from './tensor-rows.ts';

/** Llama 1 to 3.3, SmolLM and SmolLM2, and everything else that is saved as Llama. */
export const llama: Family = {
  name: 'Llama',
  huggingFace: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'LlamaModel'],
  architecture: 'llama',
  prefix: 'model.',
  defaults: {
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    hidden_act: 'silu',
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
  },
  rope: {
    layout: 'interleaved',
    theta: 10_000,
    kinds: ['default', 'linear', 'dynamic', 'yarn', 'llama3', 'longrope'],
  },
  requirements: [silu],
  hyperparameters: [...decoderKeys, ...headWidthKeys, rmsNormKey],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    ...attentionBiases(whenSet('attention_bias')),
    llamaLayer('attn_output.bias', ['hidden'], 'self_attn.o_proj.bias', whenSet('attention_bias')),
    feedForwardNorm,
    ...gatedFeedForward,
    ...feedForwardBiases(whenSet('mlp_bias')),
    outputNorm,
    output,
  ],
  source: 'https://arxiv.org/abs/2407.21783; modeling_llama.py of transformers 5.23',
};

/** Mistral 7B and its successors without vision. */
export const mistral: Family = {
  ...llama,
  name: 'Mistral',
  huggingFace: ['MistralForCausalLM'],
  defaults: {
    ...llama.defaults,
    intermediate_size: 14336,
    num_key_value_heads: 8,
    max_position_embeddings: 131072,
    sliding_window: 4096,
  },
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    feedForwardNorm,
    ...gatedFeedForward,
    outputNorm,
    output,
  ],
  notes: windowNote,
  source: 'https://arxiv.org/abs/2310.06825; modeling_mistral.py of transformers 5.23',
};
