import type { Family, TensorRow } from '../family.ts';
import { decoderKeys, layerNormKey } from '../hyperparameters.ts';
import { geluTanh, oneOf } from '../requirements.ts';
import type { SizeName } from '../sizes.ts';
import { same, transposed } from '../tensor-forms.ts';
import { inLayer, output } from './tensor-rows.ts';

const LAYER = 'transformer.h.{layer}.';

/** A matrix, stored [in, out] by the original code and ever since, with its bias. */
const matrix = (to: string, rows: SizeName, columns: SizeName, from: string): readonly TensorRow[] => [
  inLayer(`${to}.weight`, [rows, columns], transposed(`${LAYER}${from}.weight`)),
  inLayer(`${to}.bias`, [rows], same(`${LAYER}${from}.bias`)),
];

const norm = (to: string, from: string): readonly TensorRow[] => [
  inLayer(`${to}.weight`, ['hidden'], same(`${LAYER}${from}.weight`)),
  inLayer(`${to}.bias`, ['hidden'], same(`${LAYER}${from}.bias`)),
];

/** GPT-2: learned positions, matrices the other way round. */
export const gpt2: Family = {
  name: 'GPT-2',
  huggingFace: ['GPT2LMHeadModel'],
  architecture: 'gpt2',
  prefix: 'transformer.',
  defaults: {
    vocab_size: 50257,
    n_positions: 1024,
    n_embd: 768,
    n_layer: 12,
    n_head: 12,
    activation_function: 'gelu_new',
    layer_norm_epsilon: 1e-5,
    scale_attn_weights: true,
    tie_word_embeddings: true,
  },
  requirements: [
    geluTanh('activation_function'),
    oneOf('scale_attn_weights', true),
    oneOf('scale_attn_by_inverse_layer_idx', false, undefined),
    oneOf('add_cross_attention', false, undefined),
  ],
  hyperparameters: [...decoderKeys, layerNormKey],
  tensors: [
    { to: 'token_embd.weight', shape: ['vocab', 'hidden'], from: same('transformer.wte.weight') },
    { to: 'position_embd.weight', shape: ['positions', 'hidden'], from: same('transformer.wpe.weight') },
    ...norm('attn_norm', 'ln_1'),
    ...matrix('attn_qkv', 'queryKeyValue', 'hidden', 'attn.c_attn'),
    ...matrix('attn_output', 'hidden', 'query', 'attn.c_proj'),
    ...norm('ffn_norm', 'ln_2'),
    ...matrix('ffn_up', 'feedForward', 'hidden', 'mlp.c_fc'),
    ...matrix('ffn_down', 'hidden', 'feedForward', 'mlp.c_proj'),
    { to: 'output_norm.weight', shape: ['hidden'], from: same('transformer.ln_f.weight') },
    { to: 'output_norm.bias', shape: ['hidden'], from: same('transformer.ln_f.bias') },
    output,
  ],
  source: 'https://github.com/openai/gpt-2; modeling_gpt2.py of transformers 5.23',
};
