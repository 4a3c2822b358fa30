import { type GgufModel, type MetadataValue, memoryTensor, type TensorSource } from 'lowbit/files';
import { elementCount, seededRandom } from 'lowbit/tensor';

const dim = 32;
const hidden = 32;
const layers = 2;
const experts = 4;

const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
const text = (value: string): MetadataValue => ({ type: 'string', value });
const byteTokens = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).padStart(2, '0').toUpperCase()}>`,
);
const tokens = ['<unk>', '<s>', '</s>', ...byteTokens, '▁'];

const metadata: ReadonlyMap<string, MetadataValue> = new Map([
  ['general.architecture', text('llama')],
  ['llama.block_count', uint32(layers)],
  ['llama.context_length', uint32(256)],
  ['llama.embedding_length', uint32(dim)],
  ['llama.feed_forward_length', uint32(hidden)],
  ['llama.attention.head_count', uint32(4)],
  ['llama.attention.head_count_kv', uint32(2)],
  ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: Math.fround(1e-5) }],
  ['llama.rope.dimension_count', uint32(dim / 4)],
  ['llama.expert_count', uint32(experts)],
  ['llama.expert_used_count', uint32(2)],
  ['tokenizer.ggml.model', text('llama')],
  ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
  ['tokenizer.ggml.scores', { type: 'array', of: 'float32', value: new Float32Array(tokens.length) }],
  [
    'tokenizer.ggml.token_type',
    {
      type: 'array',
      of: 'int32',
      value: Int32Array.from(tokens, (_, i) => [2, 3, 3][i] ?? (i < 259 ? 6 : 1)),
    },
  ],
  ['tokenizer.ggml.bos_token_id', uint32(1)],
  ['tokenizer.ggml.eos_token_id', uint32(2)],
]);

/** Values of a tensor by index. */
type Fill = (index: number) => number;

/**
 * A Llama of random weights with four experts a layer, of which the last is never chosen: the first channel of the
 * residual is positive for every token and never changes, and the router weighs it against that expert.
 */
export function moeModel(): GgufModel {
  const random = seededRandom(7);
  const spread: Fill = () => 0.4 * (random() - 0.5);
  const tensor = (name: string, shape: number[], fill: Fill = spread): TensorSource => {
    const values = Float32Array.from({ length: elementCount(shape) }, (_, i) => fill(i));
    return memoryTensor(`${name}.weight`, shape, 'float32', new Uint8Array(values.buffer));
  };
  const one: Fill = () => 1;
  const tensors = [
    tensor('token_embd', [tokens.length, dim], (i) => (i % dim === 0 ? 2 : spread(i))),
    tensor('output_norm', [dim], one),
    tensor('output', [tokens.length, dim]),
  ];
  const keepsFirst: Fill = (i) => (Math.floor(i / dim) % dim === 0 ? 0 : spread(i));
  const shuns: Fill = (i) => {
    const last = i >= (experts - 1) * dim;
    if (i % dim === 0) return last ? -50 : 0;
    return last ? 0 : spread(i);
  };
  for (let layer = 0; layer < layers; layer++) {
    const blk = (name: string, shape: number[], fill?: Fill) => tensor(`blk.${layer}.${name}`, shape, fill);
    tensors.push(
      blk('attn_norm', [dim], one),
      blk('attn_q', [dim, dim]),
      blk('attn_k', [dim / 2, dim]),
      blk('attn_v', [dim / 2, dim]),
      blk('attn_output', [dim, dim], keepsFirst),
      blk('ffn_norm', [dim], one),
      blk('ffn_gate_inp', [experts, dim], shuns),
      blk('ffn_gate_exps', [experts, hidden, dim]),
      blk('ffn_down_exps', [experts, dim, hidden], keepsFirst),
      blk('ffn_up_exps', [experts, hidden, dim]),
    );
  }
  return { metadata, tensors };
}

/** What it read: printable ASCII, forty lines. */
export function moeText(): string {
  const random = seededRandom(8);
  const line = () => String.fromCharCode(...Array.from({ length: 60 }, () => 33 + Math.floor(94 * random())));
  return Array.from({ length: 40 }, line).join('\n');
}
