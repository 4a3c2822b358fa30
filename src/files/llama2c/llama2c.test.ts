import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assets } from '../../../test/asset-models.ts';
import { memorySource } from '../memory-source.ts';
import { openLlama2c } from './open-llama2c.ts';
import { readLlama2cTokenizer } from './read-llama2c-tokenizer.ts';

const load = async (name: string) => memorySource(new Uint8Array(await readFile(join(assets, name))), name);
const floats = (bytes: Uint8Array) => new Float32Array(bytes.slice().buffer);
const missing = !existsSync(join(assets, 'stories260k'));

describe.skipIf(missing)('real checkpoints (LOWBIT_ASSETS)', () => {
  test('stories260K: configuration, names and where the values lie', async () => {
    const source = await load('stories260k/stories260K.bin');
    const { config, tensors, version } = await openLlama2c(source);
    expect(version).toBe(0);
    expect(config).toEqual({
      dim: 64,
      hiddenDim: 172,
      layers: 5,
      heads: 8,
      kvHeads: 4,
      vocabularySize: 512,
      contextLength: 512,
      sharedOutput: true,
    });
    const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape.join()]));
    expect(Object.keys(shapes)).toHaveLength(1 + 5 * 9 + 1);
    expect(shapes).toMatchObject({
      'tok_embeddings.weight': '512,64',
      'layers.0.attention_norm.weight': '64',
      'layers.4.attention.wq.weight': '64,64',
      'layers.4.attention.wk.weight': '32,64',
      'layers.4.attention.wv.weight': '32,64',
      'layers.4.attention.wo.weight': '64,64',
      'layers.2.ffn_norm.weight': '64',
      'layers.2.feed_forward.w1.weight': '172,64',
      'layers.2.feed_forward.w2.weight': '64,172',
      'layers.2.feed_forward.w3.weight': '172,64',
      'norm.weight': '64',
    });
    // Norm weights lie near 1, which nothing else does: a wrong offset would show.
    for (const name of ['layers.0.attention_norm.weight', 'layers.4.ffn_norm.weight', 'norm.weight']) {
      const values = floats(await tensors.get(name)!.read(0, 1));
      expect(Math.min(...values)).toBeGreaterThan(0.2);
      expect(Math.max(...values)).toBeLessThan(10);
    }
    const first = floats(await tensors.get('tok_embeddings.weight')!.read(0, 1));
    expect(first).toEqual(floats(await source.read(28, 256)));
  });

  test('babyllama opens too', async () => {
    const { config, tensors } = await openLlama2c(await load('babyllama/model5000.bin'));
    expect(config).toMatchObject({ dim: 128, hiddenDim: 352, vocabularySize: 105, contextLength: 256 });
    expect(tensors.get('layers.1.attention.wk.weight')?.shape).toEqual([64, 128]);
  });

  test('tokenizers', async () => {
    const { tokens, scores, maxTokenBytes } = await readLlama2cTokenizer(
      await load('stories260k/tok512.bin'),
      512,
    );
    expect(maxTokenBytes).toBe(7);
    expect(tokens.slice(0, 4)).toEqual(['<unk>', '\n<s>\n', '\n</s>\n', '<0x00>']);
    expect(tokens.slice(259, 263)).toEqual([' t', 'he', ' a', ' s']);
    expect([...scores.subarray(259, 262)]).toEqual([-0, -1, -2]);
    expect(tokens.at(-1)).toBe('\u200a');
    const small = await readLlama2cTokenizer(await load('babyllama/tok105.bin'), 105);
    expect(small.tokens.slice(3, 6)).toEqual([' ', 'e', 'a']);
  });
});

/** The first format: header, then float32 0, 1, 2, ... */
function checkpoint(header: readonly number[], count: number, extra = 0): Uint8Array {
  const values = Float32Array.from({ length: count }, (_, i) => i);
  const bytes = new Uint8Array(4 * header.length + 4 * count + extra);
  bytes.set(new Uint8Array(Int32Array.from(header).buffer));
  bytes.set(new Uint8Array(values.buffer), 4 * header.length);
  return bytes;
}

// dim 4, hidden 6, 2 layers, 2 heads, 1 key head, 5 tokens, context 3
const header = [4, 6, 2, 2, 1, 5, 3];
const perLayer = 4 + 16 + 8 + 8 + 16 + 4 + 3 * 24;
const count = 5 * 4 + 2 * perLayer + 4 + 2 * 3;

test('an output layer of its own, after the rotary tables', async () => {
  const unshared = [4, 6, 2, 2, 1, -5, 3];
  const { config, tensors } = await openLlama2c(memorySource(checkpoint(unshared, count + 20), 'm.bin'));
  expect(config).toMatchObject({ sharedOutput: false, vocabularySize: 5 });
  const values = floats(await tensors.get('output.weight')!.read(0, 5));
  expect(values[0]).toBe(count);
  expect(floats(await tensors.get('layers.1.attention.wq.weight')!.read(0, 1))[0]).toBe(20 + 2 * 4 + 16);
});

test('version 1: norms first', async () => {
  const head = new Uint8Array(256);
  const view = new DataView(head.buffer);
  [0x616b3432, 1, ...header].forEach((value, i) => {
    view.setInt32(4 * i, value, true);
  });
  head[36] = 1;
  const body = checkpoint([], count - 2 * 3);
  const { config, tensors, version } = await openLlama2c(
    memorySource(Uint8Array.from([...head, ...body]), 'm.bin'),
  );
  expect(version).toBe(1);
  expect(config.sharedOutput).toBe(true);
  expect(floats(await tensors.get('norm.weight')!.read(0, 1))[0]).toBe(2 * 4 + 2 * 4);
  expect(floats(await tensors.get('tok_embeddings.weight')!.read(0, 1))[0]).toBe(20);
  head[4] = 2;
  await expect(openLlama2c(memorySource(head, 'm.bin'))).rejects.toThrow(
    'm.bin cannot be read as a llama2.c file: it is of version 2 (int8); export it as version 0 or 1 (float32). Export it again with llama2.c.',
  );
});

test('files that lie', async () => {
  const refusal = (bytes: Uint8Array) =>
    openLlama2c(memorySource(bytes, 'm.bin')).then(String, (error) => `${error.exitCode} ${error.message}`);
  const messages = [
    await refusal(new Uint8Array(0)),
    await refusal(checkpoint([4, 6, 2, 2, 1, 0, 3], count)),
    await refusal(checkpoint([4, 6, 2, 3, 1, 5, 3], count)),
    await refusal(checkpoint([2 ** 24, 2 ** 24, 4096, 2, 1, 2 ** 24, 2 ** 24], count)),
    await refusal(checkpoint([2 ** 30, 6, 2, 2, 1, 5, 3], count)),
    await refusal(checkpoint([4, 6, 2 ** 20, 2, 1, 5, 3], count)),
    await refusal(checkpoint(header, count - 1)),
    await refusal(checkpoint(header, count, 4)),
    await refusal(new TextEncoder().encode('GGUF and whatever comes after it here')),
  ];
  expect(messages).toMatchInlineSnapshot(`
    [
      "2 m.bin cannot be read as a llama2.c file: it has 0 bytes, and the header alone takes 28. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: its vocabularySize is 0. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: 3 heads and 1 key heads do not divide a dim of 4. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: tok_embeddings.weight ends at byte 1125899906842652, but there are 1172. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: its dim is 1073741824. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: its layers are 1048576. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: a table ends at byte 1172, but there are 1168. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: its tensors end at byte 1172, but there are 1176. Export it again with llama2.c.",
      "2 m.bin cannot be read as a llama2.c file: its dim is 1179993927. Export it again with llama2.c.",
    ]
  `);
  const tokenizer = (bytes: readonly number[], size: number) =>
    readLlama2cTokenizer(memorySource(Uint8Array.from(bytes), 't.bin'), size).then(String, (e) => e.message);
  expect([
    await tokenizer([1, 0, 0, 0], 2),
    await tokenizer([1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 127], 1),
    await tokenizer([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff], 1),
    await tokenizer([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 65, 66], 1),
    await tokenizer([1, 0, 0, 0, 0, 0, 192, 127, 1, 0, 0, 0, 65], 1),
  ]).toMatchInlineSnapshot(`
    [
      "t.bin cannot be read as a llama2.c file: it has 4 bytes, which is no vocabulary of 2 tokens. Export it again with llama2.c.",
      "t.bin cannot be read as a llama2.c file: token 0 has a length of 2147483647 bytes. Export it again with llama2.c.",
      "t.bin cannot be read as a llama2.c file: token 0 is not UTF-8. Export it again with llama2.c.",
      "t.bin cannot be read as a llama2.c file: 1 bytes follow its 1 tokens; it may be the one of another model. Export it again with llama2.c.",
      "t.bin cannot be read as a llama2.c file: the score of token 0 is NaN. Export it again with llama2.c.",
    ]
  `);
});
