import type { Family } from '../family.ts';
import { expertKeys } from '../hyperparameters.ts';
import { windowNote } from '../requirements.ts';
import { mistral } from './llama.ts';
import {
  attention,
  attentionNorm,
  experts,
  feedForwardNorm,
  output,
  outputNorm,
  tokenEmbedding,
} from './tensor-rows.ts';

/** Mistral with experts: each token goes to two of eight. */
export const mixtral: Family = {
  ...mistral,
  name: 'Mixtral',
  huggingFace: ['MixtralForCausalLM'],
  defaults: {
    ...mistral.defaults,
    rms_norm_eps: 1e-5,
    sliding_window: null,
    num_local_experts: 8,
    num_experts_per_tok: 2,
  },
  rope: { ...mistral.rope!, theta: 1_000_000 },
  hyperparameters: [...mistral.hyperparameters, ...expertKeys],
  tensors: [
    tokenEmbedding,
    attentionNorm,
    ...attention,
    feedForwardNorm,
    ...experts(['w1', 'w3', 'w2'], 'block_sparse_moe'),
    outputNorm,
    output,
  ],
  notes: windowNote,
  source: 'https://arxiv.org/abs/2401.04088; modeling_mixtral.py of transformers 5.23',
};
