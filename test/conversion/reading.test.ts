import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { convertCheckpoint } from 'lowbit/architectures';
import { rowCountOf, type TensorSource } from 'lowbit/files';
import { seededRandom } from 'lowbit/tensor';
import { expect, test } from 'vitest';
import { readCase, tinyCheckpoint } from './tiny-checkpoint.ts';

/** Laws of converted tensors, over every form that a tensor takes in any family. */
const cases = readdirSync(join(import.meta.dirname, '../golden/decoders'))
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.replace('.json', ''));

const joined = (parts: readonly Uint8Array[]) => Buffer.concat(parts);

async function fromPieces(tensor: TensorSource, from: number, to: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (const { source, offset, length } of tensor.pieces!(from, to))
    parts.push(await source.read(offset, length));
  return joined(parts);
}

test.for(cases)('%s: rows read in any order, at once or by their pieces, are the same', async (name) => {
  const model = await convertCheckpoint(await tinyCheckpoint(readCase(name), 'bfloat16'), {
    vocabulary: false,
  });
  const random = seededRandom(1);
  for (const tensor of model.tensors) {
    const rows = rowCountOf(tensor.shape);
    const whole = Buffer.from(await tensor.read(0, rows));
    const rowBytes = whole.length / rows;
    if (tensor.pieces !== undefined) expect(whole.equals(await fromPieces(tensor, 0, rows))).toBe(true);
    for (let i = 0; i < 6; i++) {
      const [a, b] = [Math.floor(random() * (rows + 1)), Math.floor(random() * (rows + 1))];
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const wanted = whole.subarray(from * rowBytes, to * rowBytes);
      expect(wanted.equals(await tensor.read(from, to))).toBe(true);
      if (tensor.pieces !== undefined) expect(wanted.equals(await fromPieces(tensor, from, to))).toBe(true);
    }
    const sequence: Uint8Array[] = [];
    for (let from = 0; from < rows; from += 7) {
      sequence.push(Buffer.from(await tensor.read(from, Math.min(rows, from + 7))));
    }
    expect(whole.equals(joined(sequence))).toBe(true);
  }
});

test('what is not computed is read by worker threads themselves', async () => {
  const computed: string[] = [];
  for (const name of cases) {
    const model = await convertCheckpoint(await tinyCheckpoint(readCase(name)), { vocabulary: false });
    for (const tensor of model.tensors) {
      if (tensor.pieces === undefined) {
        computed.push(`${name.split('-')[0]} ${tensor.name.replace(/\d+/, '*')}`);
      }
    }
  }
  expect([...new Set(computed)].sort()).toMatchInlineSnapshot(`
    [
      "gemma blk.*.attn_norm.weight",
      "gemma blk.*.ffn_norm.weight",
      "gemma output_norm.weight",
      "gemma2 blk.*.attn_norm.weight",
      "gemma2 blk.*.attn_q.weight",
      "gemma2 blk.*.ffn_norm.weight",
      "gemma2 blk.*.post_attention_norm.weight",
      "gemma2 blk.*.post_ffw_norm.weight",
      "gemma2 output_norm.weight",
      "gemma3 blk.*.attn_k_norm.weight",
      "gemma3 blk.*.attn_norm.weight",
      "gemma3 blk.*.attn_q_norm.weight",
      "gemma3 blk.*.ffn_norm.weight",
      "gemma3 blk.*.post_attention_norm.weight",
      "gemma3 blk.*.post_ffw_norm.weight",
      "gemma3 output_norm.weight",
      "gpt2 blk.*.attn_output.weight",
      "gpt2 blk.*.attn_qkv.weight",
      "gpt2 blk.*.ffn_down.weight",
      "gpt2 blk.*.ffn_up.weight",
      "llama blk.*.attn_k.bias",
      "llama blk.*.attn_q.bias",
    ]
  `);
});

test('what llama.cpp reads in float32 only is kept so, whatever the checkpoint is stored in', async () => {
  const kept = new Set<string>();
  const others = new Set<string>();
  for (const name of cases) {
    const model = await convertCheckpoint(await tinyCheckpoint(readCase(name), 'float16'), {
      vocabulary: false,
    });
    for (const { name: tensor, keep } of model.tensors) {
      (keep === 'float32' ? kept : others).add(tensor.replace(/blk\.\d+/, 'blk.*'));
    }
  }
  expect([...others].sort()).toMatchInlineSnapshot(`
    [
      "blk.*.attn_k.weight",
      "blk.*.attn_output.weight",
      "blk.*.attn_q.weight",
      "blk.*.attn_qkv.weight",
      "blk.*.attn_v.weight",
      "blk.*.ffn_down.weight",
      "blk.*.ffn_down_exps.weight",
      "blk.*.ffn_down_shexp.weight",
      "blk.*.ffn_gate.weight",
      "blk.*.ffn_gate_exps.weight",
      "blk.*.ffn_gate_shexp.weight",
      "blk.*.ffn_up.weight",
      "blk.*.ffn_up_exps.weight",
      "blk.*.ffn_up_shexp.weight",
      "output.weight",
      "token_embd.weight",
    ]
  `);
  expect([...kept].sort()).toMatchInlineSnapshot(`
    [
      "blk.*.attn_k.bias",
      "blk.*.attn_k_norm.weight",
      "blk.*.attn_norm.bias",
      "blk.*.attn_norm.weight",
      "blk.*.attn_output.bias",
      "blk.*.attn_q.bias",
      "blk.*.attn_q_norm.weight",
      "blk.*.attn_qkv.bias",
      "blk.*.attn_v.bias",
      "blk.*.ffn_down.bias",
      "blk.*.ffn_gate.bias",
      "blk.*.ffn_gate_inp.weight",
      "blk.*.ffn_gate_inp_shexp.weight",
      "blk.*.ffn_norm.bias",
      "blk.*.ffn_norm.weight",
      "blk.*.ffn_up.bias",
      "blk.*.post_attention_norm.weight",
      "blk.*.post_ffw_norm.weight",
      "output.bias",
      "output_norm.bias",
      "output_norm.weight",
      "position_embd.weight",
      "rope_factors_long.weight",
      "rope_factors_short.weight",
      "rope_freqs.weight",
    ]
  `);
});
