import { basename, dirname } from 'node:path';
import {
  type GgufModel,
  type MetadataValue,
  openFolder,
  rowLengthOf,
  type TensorSource,
  writeGguf,
} from 'lowbit/files';
import { fromFloat32 } from 'lowbit/numerics';
import { bytesOf, seededRandom } from 'lowbit/tensor';

/** Sizes of a decoder of Llama's kind. */
export interface LlamaSizes {
  readonly layers: number;
  readonly width: number;
  readonly ffn: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly vocabulary: number;
}

/** Values that are made once and laid out again and again, each time from another place. */
const POOL_VALUES = 1 << 20;

/** Bell-shaped values with a few large ones, as weights are, in float16. */
function weightPool(seed: number, type: 'float16' | 'float32' | 'bfloat16'): Uint8Array {
  const random = seededRandom(seed);
  const values = Float32Array.from({ length: POOL_VALUES }, () => {
    const bell = random() + random() + random() + random() - 2;
    return 0.04 * bell * (random() < 0.002 ? 8 : 1);
  });
  return bytesOf(fromFloat32(values, [POOL_VALUES], type));
}

/**
 * A model of Llama's architecture with random weights: llama.cpp loads it, and it knows nothing. The same seed gives
 * the same bytes. Weights are made as they are read, so it may be larger than memory.
 */
export function syntheticLlama(
  sizes: LlamaSizes,
  { seed = 1, type = 'float16' as 'float16' | 'float32' | 'bfloat16' } = {},
): GgufModel {
  const { layers, width, ffn, heads, keyHeads, vocabulary } = sizes;
  const pool = weightPool(seed, type);
  const unit = pool.byteLength / POOL_VALUES;
  const tensors: TensorSource[] = [];
  const add = (name: string, ...shape: number[]) => {
    const length = rowLengthOf(shape);
    // Another start for every tensor: rows of one size would repeat otherwise.
    const start = (tensors.length * 7919) % POOL_VALUES;
    const norm = shape.length === 1;
    tensors.push({
      name,
      shape,
      type: norm ? 'float32' : type,
      async read(from, to) {
        if (norm) return bytesOf(fromFloat32(new Float32Array(length).fill(1), [length], 'float32'));
        const bytes = new Uint8Array((to - from) * length * unit);
        for (let row = from, at = 0; row < to; row++) {
          let place = ((start + row * (length + 13)) % POOL_VALUES) * unit;
          for (let left = length * unit; left > 0; ) {
            const part = pool.subarray(place, place + left);
            bytes.set(part, at);
            at += part.byteLength;
            left -= part.byteLength;
            place = 0;
          }
        }
        return bytes;
      },
    });
  };
  const keyWidth = (width / heads) * keyHeads;
  add('token_embd.weight', vocabulary, width);
  add('output_norm.weight', width);
  add('output.weight', vocabulary, width);
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `blk.${layer}.`;
    add(`${prefix}attn_norm.weight`, width);
    add(`${prefix}attn_q.weight`, width, width);
    add(`${prefix}attn_k.weight`, keyWidth, width);
    add(`${prefix}attn_v.weight`, keyWidth, width);
    add(`${prefix}attn_output.weight`, width, width);
    add(`${prefix}ffn_norm.weight`, width);
    add(`${prefix}ffn_gate.weight`, ffn, width);
    add(`${prefix}ffn_up.weight`, ffn, width);
    add(`${prefix}ffn_down.weight`, width, ffn);
  }
  return { metadata: llamaMetadata(sizes), tensors };
}

function llamaMetadata({
  layers,
  width,
  ffn,
  heads,
  keyHeads,
  vocabulary,
}: LlamaSizes): Map<string, MetadataValue> {
  const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
  const text = (value: string): MetadataValue => ({ type: 'string', value });
  // Three special tokens, 256 bytes, and words that no text holds.
  const tokens = Array.from({ length: vocabulary }, (_, i) =>
    i < 3
      ? ['<unk>', '<s>', '</s>'][i]!
      : i < 259
        ? `<0x${(i - 3).toString(16).toUpperCase().padStart(2, '0')}>`
        : `▁w${i}`,
  );
  const kinds = Int32Array.from({ length: vocabulary }, (_, i) =>
    i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1,
  );
  return new Map<string, MetadataValue>([
    ['general.architecture', text('llama')],
    ['general.name', text('synthetic')],
    ['llama.block_count', uint32(layers)],
    ['llama.context_length', uint32(512)],
    ['llama.embedding_length', uint32(width)],
    ['llama.feed_forward_length', uint32(ffn)],
    ['llama.attention.head_count', uint32(heads)],
    ['llama.attention.head_count_kv', uint32(keyHeads)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: Math.fround(1e-5) }],
    ['llama.rope.dimension_count', uint32(width / heads)],
    ['llama.vocab_size', uint32(vocabulary)],
    ['general.file_type', uint32(1)],
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
    [
      'tokenizer.ggml.scores',
      { type: 'array', of: 'float32', value: Float32Array.from({ length: vocabulary }, (_, i) => -i) },
    ],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'int32', value: kinds }],
    ['tokenizer.ggml.bos_token_id', uint32(1)],
    ['tokenizer.ggml.eos_token_id', uint32(2)],
    ['tokenizer.ggml.unknown_token_id', uint32(0)],
  ]);
}

/** Writes a model to a path; what is there is replaced. */
export async function writeModel(path: string, model: GgufModel): Promise<void> {
  const folder = await openFolder(dirname(path), { force: true });
  const sink = await folder.open(basename(path));
  try {
    await writeGguf(sink, model, { padEmpty: true });
    await sink.commit();
  } finally {
    await sink.abort();
  }
}
