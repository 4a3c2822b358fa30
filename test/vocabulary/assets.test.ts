import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Tokenizer } from '@huggingface/tokenizers';
import { expect, test } from 'vitest';
import { readVocabulary } from '../../src/architectures/vocabulary/index.ts';
import { type Metadata, memorySiblings, openFile, openGguf } from '../../src/files/index.ts';
import { encode, texts } from './families.ts';
import { loadVocabulary, whyNoLlama } from './llama-cpp.ts';

const assets = process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../../shared/assets');

/** Real tokenizers: those of the trained models, and vocabularies that llama.cpp's own converter wrote. */
const missing = (path: string) => {
  const none = !existsSync(join(assets, path));
  if (none) console.warn(`skipped: there is no ${path} in ${assets} (set LOWBIT_ASSETS)`);
  return none;
};

const json = (path: string) => JSON.parse(readFileSync(join(assets, path), 'utf8'));

test.each(['lm-4m', 'lm-35m'])('%s: ids of llama.cpp are those of its own tokenizer', async (name) => {
  if (missing(`${name}/tokenizer.json`)) return;
  const { siblings } = await openFile(join(assets, name, 'tokenizer.json'));
  const notes: string[] = [];
  const vocabulary = await readVocabulary(siblings, json(`${name}/config.json`), {
    onNote: (note) => notes.push(note),
  });
  expect(notes).toEqual([]);
  expect(vocabulary.tokenCount).toBe(json(`${name}/config.json`).vocab_size);
  const { metadata } = vocabulary;
  const said = [...metadata]
    .filter(([, { type }]) => type !== 'array')
    .map(([key, { value }]) => [key, value]);
  expect(said).toEqual([
    ['tokenizer.ggml.model', 'gpt2'],
    // GPT-2's expression, and spaces before punctuation kept.
    ['tokenizer.ggml.pre', 'trillion'],
    ['tokenizer.ggml.bos_token_id', 0],
    ['tokenizer.ggml.eos_token_id', 0],
    ['tokenizer.ggml.eot_token_id', 3],
    ['tokenizer.ggml.padding_token_id', 5],
    ['tokenizer.ggml.add_bos_token', false],
    ['tokenizer.ggml.add_eos_token', false],
    ['tokenizer.chat_template', json(`${name}/tokenizer_config.json`).chat_template],
  ]);
  if (whyNoLlama() !== undefined) return;
  const own = new Tokenizer(json(`${name}/tokenizer.json`), json(`${name}/tokenizer_config.json`));
  const llama = await loadVocabulary(vocabulary);
  const heldOut = readFileSync(join(assets, 'docs-text/heldout.txt'), 'utf8').slice(0, 100_000);
  const chat = '<|user|>\nHi<|end|>\n<|assistant|>\n';
  for (const text of [...texts, chat, ...(heldOut.match(/.{1,4000}/gs) ?? [])]) {
    const ids = llama.encode(text);
    expect(ids).toEqual([...own.encode(text, { add_special_tokens: false }).ids]);
    expect(llama.decode(ids)).toBe(text);
  }
  llama.close();
});

const opened = async (name: string): Promise<Metadata> => {
  const { source } = await openFile(join(assets, 'gguf-vocab', `${name}.gguf`));
  const file = await openGguf(source);
  await file.close();
  return file.metadata;
};

const list = <T>(metadata: Metadata, key: string) =>
  metadata.get(`tokenizer.ggml.${key}`)!.value as unknown as ArrayLike<T>;

/** The keys that llama.cpp's converter wrote, with ours for them. */
function compared(theirs: Metadata, ours: Metadata) {
  const keys = [...theirs.keys()].filter((key) => key.startsWith('tokenizer.'));
  return [keys.map((key) => [key, ours.get(key)]), keys.map((key) => [key, theirs.get(key)])] as const;
}

test("GPT-2's vocab.json and merges.txt give the keys of llama.cpp's own file", async () => {
  if (missing('gguf-vocab/ggml-vocab-gpt-2.gguf')) return;
  const theirs = await opened('ggml-vocab-gpt-2');
  const tokens = Array.from(list<string>(theirs, 'tokens'));
  const merges = Array.from(list<string>(theirs, 'merges'));
  const files = new Map([
    ['vocab.json', encode(Object.fromEntries(tokens.map((token, id) => [token, id])))],
    ['merges.txt', new TextEncoder().encode(`#version: 0.2\n${merges.join('\n')}\n`)],
  ]);
  const config = { model_type: 'gpt2', vocab_size: 50257, bos_token_id: 50256, eos_token_id: 50256 };
  const { metadata } = await readVocabulary(memorySiblings(files), config);
  const [ours, wanted] = compared(theirs, metadata);
  expect(ours).toEqual(wanted);
});

test("a SentencePiece model gives the keys of llama.cpp's own file", async () => {
  if (missing('gguf-vocab/ggml-vocab-llama-spm.gguf')) return;
  const theirs = await opened('ggml-vocab-llama-spm');
  const files = new Map([
    ['tokenizer.model', sentencePieceModel(theirs)],
    ['tokenizer_config.json', encode({ add_bos_token: true, add_eos_token: false })],
  ]);
  const { metadata } = await readVocabulary(memorySiblings(files), { vocab_size: 32000 });
  const [ours, wanted] = compared(theirs, metadata);
  expect(ours).toEqual(wanted);
});

/** The model file that such a vocabulary was made from: pieces, and a trainer that says BPE. */
function sentencePieceModel(metadata: Metadata): Uint8Array {
  const writer = new BinaryWriter();
  const [texts, scores, types] = [
    list<string>(metadata, 'tokens'),
    list<number>(metadata, 'scores'),
    list<number>(metadata, 'token_type'),
  ];
  for (let id = 0; id < texts.length; id++) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(texts[id]!);
    writer.tag(2, WireType.Bit32).float(scores[id]!);
    writer.tag(3, WireType.Varint).int32(types[id]!).join();
  }
  writer.tag(2, WireType.LengthDelimited).fork().tag(3, WireType.Varint).int32(2).join();
  return writer.finish();
}
