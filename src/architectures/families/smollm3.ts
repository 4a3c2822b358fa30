import type { Family, Requirement } from '../family.ts';
import { oneOf, silu } from '../requirements.ts';
import { llama, mistral } from './llama.ts';

/** llama.cpp's graph leaves every fourth layer without positions. */
const STEP = 4;

const everyFourthWithout: Requirement = {
  key: 'no_rope_layers',
  holds(value, { config, sizes }) {
    if (value === undefined) return config.optionalCount('no_rope_layer_interval') === STEP;
    const layers = sizes.get('layers');
    // The list says 1 where there are positions, whatever its name says.
    return (
      Array.isArray(value) &&
      value.length >= layers &&
      value.slice(0, layers).every((has, i) => Boolean(has) === ((i + 1) % STEP !== 0))
    );
  },
  wanted: 'rotary positions in all layers but every fourth',
};

/** SmolLM3; SmolLM and SmolLM2 are Llama. */
export const smollm3: Family = {
  ...llama,
  name: 'SmolLM3',
  huggingFace: ['SmolLM3ForCausalLM'],
  architecture: 'smollm3',
  defaults: {
    vocab_size: 128256,
    hidden_size: 2048,
    intermediate_size: 11008,
    num_hidden_layers: 36,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    hidden_act: 'silu',
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    no_rope_layer_interval: STEP,
    tie_word_embeddings: true,
  },
  rope: { layout: 'interleaved', theta: 2_000_000, kinds: ['default', 'linear', 'dynamic', 'yarn'] },
  requirements: [
    silu,
    everyFourthWithout,
    oneOf('attention_bias', false, undefined),
    oneOf('mlp_bias', false, undefined),
    oneOf('use_sliding_window', false, undefined),
  ],
  tensors: mistral.tensors,
  source: 'https://huggingface.co/blog/smollm3; modeling_smollm3.py of transformers 5.23',
};
