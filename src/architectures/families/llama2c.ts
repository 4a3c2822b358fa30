import type { Family, TensorRow } from '../family.ts';
import type { SizeName } from '../sizes.ts';
import { same } from '../tensor-forms.ts';
import { llama } from './llama.ts';
import { inLayer } from './tensor-rows.ts';

const row = (to: string, shape: readonly SizeName[], from: string): TensorRow =>
  inLayer(`${to}.weight`, shape, same(`layers.{layer}.${from}.weight`));

/** Checkpoints of llama2.c: Llama under Meta's names, whose queries and keys are interleaved as llama.cpp has them. */
export const llama2c: Family = {
  ...llama,
  name: 'llama2.c',
  huggingFace: [],
  prefix: '',
  rope: { layout: 'interleaved', theta: 10_000, kinds: ['default'] },
  tensors: [
    { to: 'token_embd.weight', shape: ['vocab', 'hidden'], from: same('tok_embeddings.weight') },
    row('attn_norm', ['hidden'], 'attention_norm'),
    row('attn_q', ['query', 'hidden'], 'attention.wq'),
    row('attn_k', ['key', 'hidden'], 'attention.wk'),
    row('attn_v', ['key', 'hidden'], 'attention.wv'),
    row('attn_output', ['hidden', 'query'], 'attention.wo'),
    row('ffn_norm', ['hidden'], 'ffn_norm'),
    row('ffn_gate', ['feedForward', 'hidden'], 'feed_forward.w1'),
    row('ffn_up', ['feedForward', 'hidden'], 'feed_forward.w3'),
    row('ffn_down', ['hidden', 'feedForward'], 'feed_forward.w2'),
    { to: 'output_norm.weight', shape: ['hidden'], from: same('norm.weight') },
    {
      to: 'output.weight',
      shape: ['vocab', 'hidden'],
      from: same('output.weight'),
      when: ({ has }) => has('output.weight'),
    },
  ],
  source: 'https://github.com/karpathy/llama2.c',
};
