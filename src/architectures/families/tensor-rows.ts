import type { ModelFacts, TensorRow } from '../family.ts';
import type { SizeName } from '../sizes.ts';
import { half, rotary, same, stacked, type TensorForm } from '../tensor-forms.ts';

/**
 * Rows that families share, in the names of Llama's checkpoints, which most others took over. `{layer}` is the layer.
 */

/** Of models that see: GGUF keeps these in a file of their own. */
export const visionParts = /^(model\.)?(vision_tower|multi_modal_projector)\./;

type When = (facts: ModelFacts) => boolean;

const LAYER = 'model.layers.{layer}.';

/** A tensor of every layer. */
export const inLayer = (
  to: string,
  shape: readonly SizeName[],
  from: TensorForm | readonly TensorForm[],
  when?: When,
): TensorRow => ({ to: `blk.{layer}.${to}`, shape, from, ...(when !== undefined && { when }) });

/** The same under Llama's names. */
export const llamaLayer = (to: string, shape: readonly SizeName[], from: string, when?: When): TensorRow =>
  inLayer(to, shape, same(LAYER + from), when);

export const whenSet =
  (key: string): When =>
  ({ config }) =>
    config.flag(key);

export const tokenEmbedding: TensorRow = {
  to: 'token_embd.weight',
  shape: ['vocab', 'hidden'],
  from: same('model.embed_tokens.weight'),
};

export const outputNorm: TensorRow = {
  to: 'output_norm.weight',
  shape: ['hidden'],
  from: same('model.norm.weight'),
};

const OUTPUT = 'lm_head.weight';
const outputShape: readonly SizeName[] = ['vocab', 'hidden'];
const tied: When = ({ config, has }) => config.flag('tie_word_embeddings') && !has(OUTPUT);

/** The output matrix, where the graph takes the embedding if there is none. */
export const output: TensorRow = {
  to: 'output.weight',
  shape: outputShape,
  from: same(OUTPUT),
  when: (facts) => !tied(facts),
};

/** The output matrix, where the graph asks for one: a tied one is written twice. */
export const requiredOutput = (embedding = 'model.embed_tokens.weight'): readonly TensorRow[] => [
  output,
  { to: 'output.weight', shape: outputShape, from: same(embedding), when: tied },
];

export const attentionNorm = llamaLayer('attn_norm.weight', ['hidden'], 'input_layernorm.weight');
export const feedForwardNorm = llamaLayer('ffn_norm.weight', ['hidden'], 'post_attention_layernorm.weight');

/** Queries and keys are `rotary`: where the graph wants it, their rows change places. */
export const attention: readonly TensorRow[] = [
  inLayer('attn_q.weight', ['query', 'hidden'], rotary(`${LAYER}self_attn.q_proj.weight`, 'heads')),
  inLayer('attn_k.weight', ['key', 'hidden'], rotary(`${LAYER}self_attn.k_proj.weight`, 'keyHeads')),
  llamaLayer('attn_v.weight', ['key', 'hidden'], 'self_attn.v_proj.weight'),
  llamaLayer('attn_output.weight', ['hidden', 'query'], 'self_attn.o_proj.weight'),
];

export const attentionBiases = (when?: When): readonly TensorRow[] => [
  inLayer('attn_q.bias', ['query'], rotary(`${LAYER}self_attn.q_proj.bias`, 'heads'), when),
  inLayer('attn_k.bias', ['key'], rotary(`${LAYER}self_attn.k_proj.bias`, 'keyHeads'), when),
  llamaLayer('attn_v.bias', ['key'], 'self_attn.v_proj.bias', when),
];

/** Norms of the queries and keys of each head, the same for all heads. */
export const headNorms: readonly TensorRow[] = [
  llamaLayer('attn_q_norm.weight', ['headDim'], 'self_attn.q_norm.weight'),
  llamaLayer('attn_k_norm.weight', ['headDim'], 'self_attn.k_norm.weight'),
];

/** Norms over all heads together. */
export const wideNorms: readonly TensorRow[] = [
  llamaLayer('attn_q_norm.weight', ['query'], 'self_attn.q_norm.weight'),
  llamaLayer('attn_k_norm.weight', ['key'], 'self_attn.k_norm.weight'),
];

export const gatedFeedForward: readonly TensorRow[] = [
  llamaLayer('ffn_gate.weight', ['feedForward', 'hidden'], 'mlp.gate_proj.weight'),
  llamaLayer('ffn_up.weight', ['feedForward', 'hidden'], 'mlp.up_proj.weight'),
  llamaLayer('ffn_down.weight', ['hidden', 'feedForward'], 'mlp.down_proj.weight'),
];

export const feedForwardBiases = (when: When): readonly TensorRow[] => [
  llamaLayer('ffn_gate.bias', ['feedForward'], 'mlp.gate_proj.bias', when),
  llamaLayer('ffn_up.bias', ['feedForward'], 'mlp.up_proj.bias', when),
  llamaLayer('ffn_down.bias', ['hidden'], 'mlp.down_proj.bias', when),
];

/** transformers 5 keeps experts fused in memory, and some checkpoints are saved so. */
const fused = 'model.layers.{layer}.mlp.experts.';

/**
 * Experts as stacks of matrices.
 * @param names of gate, up and down in a checkpoint that has each expert apart
 */
export const experts = (
  names: readonly [string, string, string] = ['gate_proj', 'up_proj', 'down_proj'],
  folder = 'mlp',
): readonly TensorRow[] => {
  const apart = (i: number) => stacked(`${LAYER}${folder}.experts.{part}.${names[i]}.weight`, 'experts');
  const wide: readonly SizeName[] = ['experts', 'expertFeedForward', 'hidden'];
  return [
    inLayer(
      'ffn_gate_inp.weight',
      ['experts', 'hidden'],
      [same(`${LAYER}${folder}.gate.weight`), same(`${LAYER}mlp.gate.weight`)],
    ),
    inLayer('ffn_gate_exps.weight', wide, [apart(0), half(`${fused}gate_up_proj`, 0)]),
    inLayer('ffn_up_exps.weight', wide, [apart(1), half(`${fused}gate_up_proj`, 1)]),
    inLayer(
      'ffn_down_exps.weight',
      ['experts', 'hidden', 'expertFeedForward'],
      [apart(2), same(`${fused}down_proj`)],
    ),
  ];
};
