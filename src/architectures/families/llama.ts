import type { Family } from '../family.ts';
import { decoderKeys, headWidthKeys, rmsNormKey } from '../hyperparameters.ts';
import { float32 } from '../metadata-values.ts';
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
  visionParts,
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

/** Mistral Small 3.1 and Ministral 3: YaRN, and attention that grows with the position. */
export const mistral3: Family = {
  ...mistral,
  name: 'Mistral 3',
  huggingFace: ['Ministral3ForCausalLM', 'Mistral3ForConditionalGeneration'],
  architecture: 'mistral3',
  defaults: { ...mistral.defaults, sliding_window: null, rms_norm_eps: 1e-5, head_dim: 128 },
  rope: { ...llama.rope!, theta: 1_000_000, ramp: true },
  hyperparameters: [
    ...mistral.hyperparameters,
    {
      key: 'attention.temperature_scale',
      value({ rope }) {
        const scale = rope?.full.parameters.optionalNumber('llama_4_scaling_beta');
        return scale === undefined ? undefined : float32(scale);
      },
    },
  ],
  leftOut: visionParts,
  source: 'https://arxiv.org/abs/2601.08584; modeling_ministral3.py of transformers 5.23',
};
