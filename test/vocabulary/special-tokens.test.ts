import { expect, test } from 'vitest';
import { readVocabulary } from '../../src/architectures/vocabulary/index.ts';
import { memorySiblings } from '../../src/files/index.ts';
import { encode, family } from './families.ts';
import { loadVocabulary, whyNoLlama } from './llama-cpp.ts';

/** A family's folder with files replaced or added (undefined: removed), read with a config.json. */
async function read(
  name: string,
  changes: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
) {
  const files = new Map(family(name).files);
  for (const [path, content] of Object.entries(changes)) {
    if (content === undefined) files.delete(path);
    else files.set(path, typeof content === 'string' ? new TextEncoder().encode(content) : encode(content));
  }
  const notes: string[] = [];
  const vocabulary = await readVocabulary(memorySiblings(files), config, {
    onNote: (note) => notes.push(note),
  });
  const { metadata } = vocabulary;
  const tokens = metadata.get('tokenizer.ggml.tokens')!.value as readonly string[];
  /** Texts of the special tokens, and the switches, by key. */
  const said = Object.fromEntries(
    [...metadata].flatMap(([key, { type, value }]): [string, unknown][] => {
      const short = key.replace('tokenizer.ggml.', '').replace('_token_id', '');
      if (type === 'uint32') return [[short, tokens[Number(value)]]];
      return type === 'bool' ? [[short, value]] : [];
    }),
  );
  return { vocabulary, metadata, tokens, said, notes };
}

const tokenizerConfig = (name: string) =>
  JSON.parse(new TextDecoder().decode(family(name).files.get('tokenizer_config.json')));
const tokenizerJson = (name: string) =>
  JSON.parse(new TextDecoder().decode(family(name).files.get('tokenizer.json')));

test('special tokens by family', async () => {
  expect((await read('qwen-3')).said).toEqual({
    eos: '<|im_end|>',
    eot: '<|im_end|>',
    padding: '<|endoftext|>',
    fim_pre: '<|fim_prefix|>',
    fim_suf: '<|fim_suffix|>',
    fim_mid: '<|fim_middle|>',
    fim_pad: '<|fim_pad|>',
    fim_rep: '<|repo_name|>',
    fim_sep: '<|file_sep|>',
    add_bos_token: false,
    add_eos_token: false,
  });
  expect((await read('llama-3')).said).toEqual({
    bos: '<|begin_of_text|>',
    eos: '<|eot_id|>',
    eot: '<|eot_id|>',
    eom: '<|eom_id|>',
    add_bos_token: true,
    add_eos_token: false,
  });
  expect((await read('gemma')).said).toEqual({
    add_space_prefix: false,
    bos: '<bos>',
    eos: '<eos>',
    eot: '<end_of_turn>',
    unknown: '<unk>',
    padding: '<pad>',
    add_bos_token: true,
    add_eos_token: false,
  });
  expect((await read('t5')).said).toEqual({
    add_space_prefix: true,
    remove_extra_whitespaces: true,
    eos: '</s>',
    unknown: '<unk>',
    padding: '<pad>',
    add_bos_token: false,
    add_eos_token: true,
  });
  expect((await read('tekken')).said).toEqual({
    bos: '<s>',
    eos: '</s>',
    unknown: '<unk>',
    add_bos_token: true,
    add_eos_token: false,
  });
});

test('types of tokens', async () => {
  const { metadata, tokens } = await read('qwen-3', {}, { vocab_size: 990 });
  const types = metadata.get('tokenizer.ggml.token_type')!.value as Int32Array;
  const typeOf = (text: string) => types[tokens.indexOf(text)];
  expect(['Ġthe', '<|im_end|>', '<think>', '<|fim_prefix|>'].map(typeOf)).toEqual([1, 3, 4, 3]);
  expect([tokens.length, tokens.at(-1), types.at(-1)]).toEqual([990, '[PAD989]', 5]);
  const pieces = await read('llama-2');
  const pieceTypes = pieces.metadata.get('tokenizer.ggml.token_type')!.value as Int32Array;
  const pieceTypeOf = (text: string) => pieceTypes[pieces.tokens.indexOf(text)];
  expect(['<unk>', '<s>', '<0x0A>', '▁the'].map(pieceTypeOf)).toEqual([2, 3, 6, 1]);
});

test('ids come from the model files where the tokenizer files name none', async () => {
  const plain = { 'tokenizer_config.json': {} };
  const end = (await read('smollm')).tokens.indexOf('<|im_end|>');
  const config = { text_config: { bos_token_id: 2 }, eos_token_id: [end - 1, end] };
  expect((await read('smollm', plain, config)).said).toMatchObject({
    bos: '#',
    eos: '<|im_start|>',
    eot: '<|im_end|>',
  });
  const generation = { ...plain, 'generation_config.json': { eos_token_id: [end - 2, end - 1] } };
  expect((await read('smollm', generation)).said).toMatchObject({ eos: '<|endoftext|>', eot: '<|im_end|>' });
  const map = {
    ...plain,
    'special_tokens_map.json': { eos_token: { content: '<|im_end|>' }, pad_token: '<repo_name>' },
  };
  expect((await read('smollm', map)).said).toMatchObject({ eos: '<|im_end|>', padding: '<repo_name>' });
});

test('further ends of a generation become eot and eom', async () => {
  const { tokens } = await read('mistral-nemo');
  const ends = ['</s>', '[/INST]', '[INST]'].map((text) => tokens.indexOf(text));
  const changes = { 'generation_config.json': { eos_token_id: ends } };
  const { said, vocabulary } = await read('mistral-nemo', changes);
  expect(said).toMatchObject({ eos: '</s>', eot: '[/INST]', eom: '[INST]' });
  if (whyNoLlama() !== undefined) return;
  const llama = await loadVocabulary(vocabulary);
  expect(ends.map((id) => llama.ends(id))).toEqual([true, true, true]);
  expect(llama.ends(tokens.indexOf('<unk>'))).toBe(false);
  llama.close();
});

test('ends that llama.cpp knows by their text take no place', async () => {
  const { tokens } = await read('qwen-3');
  const ends = ['<|im_end|>', '<|endoftext|>'].map((text) => tokens.indexOf(text));
  const { said } = await read('qwen-3', { 'generation_config.json': { eos_token_id: ends } });
  expect([said.eos, said.eot, said.eom]).toEqual(['<|im_end|>', '<|im_end|>', undefined]);
});

test('what is put around a text: settings before the post-processor', async () => {
  const config = tokenizerConfig('llama-3');
  const without = { 'tokenizer_config.json': { ...config, add_bos_token: false, add_eos_token: true } };
  expect((await read('llama-3', without)).said).toMatchObject({ add_bos_token: false, add_eos_token: true });
  const json = tokenizerJson('gpt-2');
  const roberta = { type: 'RobertaProcessing', sep: ['<|endoftext|>', 971], cls: ['<|endoftext|>', 971] };
  const framed = { 'tokenizer.json': { ...json, post_processor: roberta }, 'tokenizer_config.json': {} };
  expect((await read('gpt-2', framed)).said).toMatchObject({
    bos: '<|endoftext|>',
    add_bos_token: true,
    add_eos_token: true,
  });
});

test('a tokenizer that puts another token before a text than it names is followed', async () => {
  const config = { ...tokenizerConfig('llama-3'), bos_token: '<|end_of_text|>' };
  const { said, notes } = await read('llama-3', { 'tokenizer_config.json': config });
  expect(said).toMatchObject({ bos: '<|begin_of_text|>' });
  expect(notes).toEqual([
    "The tokenizer puts '<|begin_of_text|>' before a text, not '<|end_of_text|>'; it becomes the bos token.",
  ]);
});

test('a first token that nothing names is not added', async () => {
  const { said, notes } = await read('smollm', { 'tokenizer_config.json': { add_bos_token: true } });
  expect(said).toMatchObject({ add_bos_token: false });
  expect(notes).toContain(
    'The tokenizer wants a bos token around every text, but no file says which; none is added.',
  );
});

test('trained tokens that llama.cpp takes for special ones are said', async () => {
  const json = tokenizerJson('gpt-2');
  json.model.vocab['</s>'] = 1000;
  const { notes } = await read('gpt-2', { 'tokenizer.json': json });
  expect(notes.slice(1)).toEqual(['llama.cpp takes trained tokens for special ones by their text: </s>.']);
});

test('added tokens of tokenizer_config.json, and those beyond the embedding', async () => {
  const config = tokenizerConfig('smollm');
  const { tokens } = await read('smollm');
  const added_tokens_decoder = {
    [tokens.length]: { content: '<|new|>', special: true },
    [tokens.length + 1]: { content: '<|newer|>', special: false, rstrip: true },
    '5': { content: '<|other|>', special: true },
  };
  const changes = { 'tokenizer_config.json': { ...config, added_tokens_decoder } };
  const { tokens: more, notes } = await read('smollm', changes, { vocab_size: tokens.length + 1 });
  expect(more.slice(-1)).toEqual(['<|new|>']);
  expect(notes.at(-1)).toBe(
    `1 added tokens of tokenizer.json have ids beyond the ${tokens.length + 1} rows of the embedding and are left out: <|newer|>.`,
  );
  expect(notes[0]).toBe(
    "tokenizer_config.json gives '<|other|>' the id 5, but tokenizer.json has '&' there; tokenizer.json is followed.",
  );
});

test('chat templates: a file of their own first, named ones by name', async () => {
  const templates = async (changes: Readonly<Record<string, unknown>>) => {
    const { metadata } = await read('smollm', changes);
    return [...metadata]
      .filter(([key]) => key.startsWith('tokenizer.chat_template'))
      .map(([key, { value }]) => [key, value]);
  };
  const config = tokenizerConfig('smollm');
  const inConfig = { 'tokenizer_config.json': { ...config, chat_template: 'in config' } };
  expect(await templates({})).toEqual([]);
  expect(await templates(inConfig)).toEqual([['tokenizer.chat_template', 'in config']]);
  expect(await templates({ ...inConfig, 'chat_template.json': { chat_template: 'in json' } })).toEqual([
    ['tokenizer.chat_template', 'in json'],
  ]);
  expect(await templates({ ...inConfig, 'chat_template.jinja': '{{ a file }}' })).toEqual([
    ['tokenizer.chat_template', '{{ a file }}'],
  ]);
  const named = [
    { name: 'default', template: 'plain' },
    { name: 'tool-use', template: 'with tools' },
    { name: '', template: 'nameless' },
  ];
  expect(await templates({ 'tokenizer_config.json': { ...config, chat_template: named } })).toEqual([
    ['tokenizer.chat_template.tool_use', 'with tools'],
    ['tokenizer.chat_templates', ['tool_use']],
    ['tokenizer.chat_template', 'plain'],
  ]);
});
