import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { readVocabulary } from '../../src/architectures/vocabulary/index.ts';
import { type ByteSource, memorySiblings } from '../../src/files/index.ts';
import { LowbitError, seededRandom } from '../../src/tensor/index.ts';
import { encode, family } from './families.ts';

const bytesOf = (content: unknown): Uint8Array =>
  content instanceof Uint8Array
    ? content
    : typeof content === 'string'
      ? new TextEncoder().encode(content)
      : encode(content);

const folderOf = (files: Readonly<Record<string, unknown>>) =>
  memorySiblings(new Map(Object.entries(files).map(([name, content]) => [name, bytesOf(content)])));

/** The text of the error that reading such a folder gives. */
async function refusal(files: Readonly<Record<string, unknown>>, config = {}): Promise<string> {
  const error = await readVocabulary(folderOf(files), config).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(LowbitError);
  return (error as Error).message;
}

// biome-ignore lint/suspicious/noExplicitAny: the tests break its parts
type Loose = any;

/** A family's tokenizer.json, changed. */
function changed(name: string, change: (json: Loose) => void): { 'tokenizer.json': Loose } {
  const json = JSON.parse(new TextDecoder().decode(family(name).files.get('tokenizer.json')));
  change(json);
  return { 'tokenizer.json': json };
}

const pieces = (...list: readonly (readonly [string, number, number])[]) => {
  const writer = new BinaryWriter();
  for (const [text, score, type] of list) {
    writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(text);
    writer.tag(2, WireType.Bit32).float(score).tag(3, WireType.Varint).int32(type).join();
  }
  return writer;
};
const trained = (writer: BinaryWriter, ...fields: readonly (readonly [number, number])[]) => {
  writer.tag(2, WireType.LengthDelimited).fork();
  for (const [field, value] of fields) writer.tag(field, WireType.Varint).int32(value);
  return writer.join().finish();
};

describe('files', () => {
  test('none', async () => {
    expect(await refusal({ 'config.json': {} })).toBe(
      'The folder has no tokenizer; looked for tokenizer.json, tekken.json, tokenizer.model, spiece.model, vocab.json with merges.txt. Put the tokenizer files of the checkpoint beside config.json.',
    );
    expect(await refusal({ 'vocab.json': {} })).toContain('The folder has no tokenizer');
  });

  test.each([
    ['{"model": {', 'it is not JSON'],
    ['[]', 'it is no JSON object'],
    [Uint8Array.of(0x7b, 0xff, 0x7d), 'it is not UTF-8 text'],
    [{}, 'it has no "model"'],
    [{ model: { type: 'BPE' } }, '"vocab" of its model is no map from tokens to ids'],
    [{ model: { type: 'BPE', vocab: {} } }, '"merges" of its model is no list'],
    [{ model: { type: 'Unigram', vocab: {} } }, '"vocab" of its model is no list'],
    [{ model: { type: 'Unigram', vocab: [['a', 0], ['b']] } }, 'token 1 is no pair of a piece and its score'],
    [{ model: { type: 'BPE', vocab: {}, merges: [] }, added_tokens: {} }, '"added_tokens" is no list'],
    [{ model: { type: 'BPE', vocab: {}, merges: [] }, added_tokens: [{}] }, 'added token 0 has no "content"'],
    [
      { model: { type: 'BPE', vocab: {}, merges: [] }, added_tokens: [{ content: 'a', id: -1 }] },
      'added token 0 has the id -1',
    ],
    [
      { model: { type: 'BPE', vocab: {}, merges: [] }, normalizer: {} },
      'its normalizer has a step without a type',
    ],
    [
      { model: { type: 'BPE', vocab: {}, merges: [] }, pre_tokenizer: { type: 'Sequence' } },
      'a Sequence of its pre-tokenizer lists no steps',
    ],
  ])('a tokenizer.json that is %s', async (content, what) => {
    expect(await refusal({ 'tokenizer.json': content })).toBe(
      `tokenizer.json is damaged or not what its name says: ${what}. Copy it from the checkpoint again.`,
    );
  });

  test('ids that are none, and text that is none', async () => {
    expect(await refusal(changed('gpt-2', (json) => (json.model.vocab.the = 1.5)))).toContain(
      "token 'the' has the id 1.5",
    );
    expect(await refusal(changed('gpt-2', (json) => (json.model.vocab['\ud800'] = 5000)))).toContain(
      'token 5000 holds half a surrogate pair',
    );
    expect(await refusal({ ...changed('gpt-2', () => {}), 'tokenizer_config.json': '{' })).toBe(
      'tokenizer_config.json is damaged or not what its name says: it is not JSON. Copy it from the checkpoint again.',
    );
    const listed = { 'tokenizer.model': llama(), 'added_tokens.json': { '<x>': '900' } };
    expect(await refusal(listed)).toBe(
      'added_tokens.json is damaged or not what its name says: token \'<x>\' has the id "900". Copy it from the checkpoint again.',
    );
  });
});

const llama = () => family('llama-2-model').files.get('tokenizer.model')!;

describe('kinds that are not converted', () => {
  test.each(['WordPiece', 'WordLevel'])('%s', async (type) => {
    expect(await refusal({ 'tokenizer.json': { model: { type, vocab: { a: 0 } } } })).toBe(
      `The tokenizer of tokenizer.json is of the kind ${type}, which is not converted. Known kinds: BPE, Unigram. Choose a checkpoint with one of them.`,
    );
  });

  test('SentencePiece by words', async () => {
    expect(await refusal({ 'spiece.model': trained(pieces(['a', 0, 1]), [3, 3]) })).toBe(
      'The tokenizer of spiece.model is of the kind SentencePiece word, which is not converted. Known kinds: SentencePiece bpe, SentencePiece unigram. Choose a checkpoint with one of them.',
    );
  });

  test('a class of Python that is not known', async () => {
    const slow = { 'vocab.json': { a: 0 }, 'merges.txt': '' };
    expect(await refusal({ ...slow, 'tokenizer_config.json': { tokenizer_class: 'CTRLTokenizer' } })).toBe(
      'The tokenizer of vocab.json is of the kind CTRLTokenizer, which is not converted. Known kinds: GPT2Tokenizer, Qwen2Tokenizer. Choose a checkpoint with one of them.',
    );
    expect(await refusal(slow)).toContain('is of the kind vocab.json of an unnamed class,');
  });

  test('a pre-tokenizer in no row', async () => {
    const other = changed('qwen-3', (json) => {
      json.pre_tokenizer.pretokenizers[0].pattern.Regex = '\\p{L}+|\\p{N}+';
    });
    expect(await refusal(other)).toBe(
      'The tokenizer of tokenizer.json cuts text in a way that is none of llama.cpp\'s known ones: Split(/\\p{L}+|\\p{N}+/, behavior="Isolated", invert=false) then ByteLevel(add_prefix_space=false, use_regex=false). Known: gpt-2, olmo, trillion, starcoder, smollm, command-r, llama-bpe, dbrx, qwen2, stablelm2, qwen35, ufakzeka, minicpm5, jais-2, seed-coder, bailingmoe, tekken, granite-embed-multi-97m, deepseek-v3, deepseek-coder, bloom. Without it the token ids would be wrong; check that tokenizer.json is the checkpoint\'s own, or ask for a row in the table of pre-tokenizers.',
    );
    const dropping = changed('deepseek-coder', (json) => {
      Object.assign(json.pre_tokenizer.pretokenizers[1], { behavior: 'Removed', invert: true });
    });
    expect(await refusal(dropping)).toContain('behavior="Removed", invert=true');
    const afterBytes = changed('smollm', (json) => json.pre_tokenizer.pretokenizers.reverse());
    expect(await refusal(afterBytes)).toContain(
      'ByteLevel(add_prefix_space=false, use_regex=true) then Digits',
    );
    const inherited = changed('qwen-3', (json) => (json.pre_tokenizer.pretokenizers[0].type = 'constructor'));
    expect(await refusal(inherited)).toContain('known ones: constructor(');
    const merging = changed('qwen-3', (json) => {
      json.pre_tokenizer.pretokenizers[0].behavior = 'MergedWithNext';
    });
    expect(await refusal(merging)).toContain('behavior="MergedWithNext"');
    const pieceWise = changed('llama-2', (json) => (json.pre_tokenizer = { type: 'BertPreTokenizer' }));
    expect(await refusal(pieceWise)).toContain(
      "none of llama.cpp's known ones: BertPreTokenizer. Known: Metaspace, WhitespaceSplit, Split.",
    );
  });

  test('a normalizer without counterpart', async () => {
    const lower = changed('gpt-2', (json) => (json.normalizer = { type: 'Lowercase' }));
    expect(await refusal(lower)).toBe(
      'The tokenizer of tokenizer.json changes text in a way that llama.cpp has no counterpart of: Lowercase. Known normalizers: NFC. The checkpoint cannot be converted with right token ids.',
    );
    const replaced = changed('gemma', (json) => (json.normalizer.content = '_'));
    expect(await refusal(replaced)).toContain('no counterpart of: Replace(/ /, content="_"). Known');
    const charsmap = changed('t5', (json) => (json.normalizer.precompiled_charsmap = '*'));
    expect(await refusal(charsmap)).toContain(
      'no counterpart of: Precompiled(precompiled_charsmap="*"). Known',
    );
  });

  test('what llama.cpp cannot do', async () => {
    const ending = 'which llama.cpp cannot do. The checkpoint cannot be converted with right token ids.';
    const prefixed = changed('gpt-2', (json) => (json.pre_tokenizer.add_prefix_space = true));
    expect(await refusal(prefixed)).toBe(
      `The tokenizer of tokenizer.json puts a space before a text ("add_prefix_space": true of its ByteLevel), ${ending}`,
    );
    const suffixed = changed('gpt-2', (json) => (json.model.end_of_word_suffix = '</w>'));
    expect(await refusal(suffixed)).toBe(
      `The tokenizer of tokenizer.json marks parts of words ("end_of_word_suffix": "</w>"), ${ending}`,
    );
    const partial = changed('llama-2', (json) => {
      const made = json.model.merges.map((pair: string[]) => pair.join(''));
      const twice = made.findIndex((text: string, i: number) => made.indexOf(text) !== i);
      json.model.merges.splice(twice, 1);
    });
    expect(await refusal(partial)).toMatch(
      /merges only some of the pairs of tokens that make the same text \(for \S+\), which llama\.cpp cannot do\./,
    );
    const inner = changed('mistral', (json) => (json.pre_tokenizer.split = true));
    expect(await refusal(inner)).toMatch(
      /cuts text before every space, yet has tokens with spaces inside \(▁▁/,
    );
    const unmarked = changed('llama-2', (json) => (json.normalizer = null));
    expect(await refusal(unmarked)).toBe(
      `The tokenizer of tokenizer.json does not write spaces as ▁, ${ending}`,
    );
    const behind = trained(pieces(['a', 0, 1]), [3, 2], [24, 1]);
    expect(await refusal({ 'tokenizer.model': behind })).toBe(
      `The tokenizer of tokenizer.model puts spaces behind words, ${ending}`,
    );
  });

  test('no tokens for bytes', async () => {
    const few = trained(pieces(['<unk>', 0, 2], ['a', 0, 1], ['<0x00>', 0, 6]), [3, 2]);
    expect(await refusal({ 'tokenizer.model': few })).toBe(
      '254 of the 256 bytes have no token in tokenizer.model (<0x01> is the first), and llama.cpp ends when a text needs one. Train the tokenizer with byte fallback.',
    );
  });
});

describe('tokens and merges that do not fit', () => {
  test('a merge of unknown tokens', async () => {
    const files = changed('gpt-2', (json) => json.model.merges.splice(3, 0, ['Ġ', 'nowhere']));
    expect(await refusal(files)).toBe(
      "Merge 3 of tokenizer.json (Ġ nowhere) cannot be applied: the vocabulary has no 'nowhere'. Save the tokenizer again.",
    );
    const made = changed('llama-2', (json) => json.model.merges.splice(0, 0, 'q x'));
    expect(await refusal(made)).toBe(
      "Merge 0 of tokenizer.json (q x) cannot be applied: the vocabulary has no 'qx'. Save the tokenizer again.",
    );
  });

  test('a merge that is none', async () => {
    const files = changed('gpt-2', (json) => (json.model.merges[1] = ['a', 'b', 'c']));
    expect(await refusal(files)).toBe(
      'Merge 1 of tokenizer.json (a list) cannot be applied: it is no pair of tokens. Save the tokenizer again.',
    );
    const slow = { 'vocab.json': { a: 0 }, 'merges.txt': '#version: 0.2\na b c\n' };
    expect(await refusal(slow, { model_type: 'gpt2' })).toContain('Merge 0 of merges.txt ("a b c")');
    const spaced = changed('gpt-2', (json) => {
      Object.assign(json.model.vocab, { ' ': 2000, ' a': 2001 });
      json.model.merges.push([' ', 'a']);
    });
    expect(await refusal(spaced)).toContain('cannot be applied: byte-level tokens hold no spaces.');
  });

  test('two texts for one id, two ids for one text', async () => {
    expect(await refusal(changed('gpt-2', (json) => (json.model.vocab.another = 7)))).toBe(
      "tokenizer.json gives the id 7 to two tokens, '(' and 'another'. Every id wants one token; save the tokenizer again.",
    );
    const moved = changed('gpt-2', (json) =>
      json.added_tokens.push({ id: 5000, content: 'Ġthe', special: false }),
    );
    expect(await refusal(moved)).toMatch(
      /^tokenizer\.json has the token 'Ġthe' twice, as \d+ and 5000, which llama\.cpp cannot load\. Every token wants a text of its own; save the tokenizer again\.$/,
    );
    // llama.cpp reads a text up to its first zero byte.
    const zero = changed('gpt-2', (json) =>
      json.added_tokens.push({ id: 5000, content: 'a\0b', special: true }),
    );
    expect(await refusal(zero)).toMatch(/has the token 'a' twice, as \d+ and 5000/);
  });

  test('a tokenizer larger than the embedding', async () => {
    expect(
      await refusal(
        changed('gpt-2', () => {}),
        { vocab_size: 900 },
      ),
    ).toMatch(
      /^Token '\S+' of tokenizer\.json has the id 900, but the model's embedding has 900 rows\. Put the tokenizer that belongs to the checkpoint beside it\.$/,
    );
  });
});

describe('hostile files', () => {
  const tooLarge = (file: string, what: string, got: number, limit: number) =>
    `${file} is not read: ${what} is ${got}, and at most ${limit} is taken. The file is damaged or hostile.`;

  test('a file of any size is not read', async () => {
    const source: ByteSource = {
      name: 'huge',
      size: 2 ** 40,
      read: () => Promise.reject(new Error('was read')),
    };
    const folder = {
      open: (name: string) => (name === 'tokenizer.json' ? Promise.resolve(source) : folderOf({}).open(name)),
    };
    await expect(readVocabulary(folder, {})).rejects.toThrow(
      tooLarge('tokenizer.json', 'its size in bytes', 2 ** 40, 2 ** 27),
    );
  });

  test('ids, sizes and depths that no tokenizer has', async () => {
    const far = changed('gpt-2', (json) => (json.model.vocab.far = 2 ** 40));
    expect(await refusal(far)).toBe(
      tooLarge('tokenizer.json', "the id of token 'far'", 2 ** 40, 2 ** 22 - 1),
    );
    expect(
      await refusal(
        changed('gpt-2', () => {}),
        { vocab_size: 2 ** 45 },
      ),
    ).toBe(tooLarge('tokenizer.json', 'the number of tokens that its model has', 2 ** 45, 2 ** 22));
    const nested = (depth: number, inner: string) =>
      `${'{"type":"Sequence","pretokenizers":['.repeat(depth)}${inner}${']}'.repeat(depth)}`;
    const head = '{"model":{"type":"BPE","vocab":{},"merges":[]},';
    const deep = { 'tokenizer.json': `${head}"pre_tokenizer":${nested(100_000, '')}}` };
    expect(await refusal(deep)).toBe(tooLarge('tokenizer.json', 'the nesting of its pre-tokenizer', 9, 8));
    const lists = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const listed = { 'tokenizer.json': `${head}"added_tokens":[{"content":"a","id":${lists}}]}` };
    expect(await refusal(listed)).toContain('added token 0 has the id a list.');
    const long = changed('gpt-2', (json) => (json.model.vocab['x'.repeat(1e6)] = 7));
    expect(await refusal(long)).toBe(
      tooLarge('tokenizer.json', `the length of token '${'x'.repeat(400)}…'`, 1e6, 1024),
    );
    const many = new Uint8Array(2 * (2 ** 22 + 1)).map((_, i) => (i % 2 === 0 ? 0x0a : 0));
    expect(await refusal({ 'tokenizer.model': many })).toBe(
      tooLarge('tokenizer.model', 'its number of pieces', 2 ** 22 + 1, 2 ** 22),
    );
    const tekken = {
      config: { pattern: '.', default_vocab_size: 2 ** 40, default_num_special_tokens: 3 },
      vocab: [],
    };
    expect(await refusal({ 'tekken.json': tekken })).toBe(
      tooLarge('tekken.json', 'its default_vocab_size', 2 ** 40, 2 ** 22),
    );
  });

  test('a SentencePiece model that is none', async () => {
    const text = (what: string) =>
      `tokenizer.model is damaged or not what its name says: ${what}. Copy it from the checkpoint again.`;
    const none = 'it is no SentencePiece model, or cut off';
    expect(await refusal({ 'tokenizer.model': 'IQ== 0\nIg== 1\n' })).toContain(text('it is no').slice(0, 60));
    expect(await refusal({ 'tokenizer.model': new Uint8Array(0) })).toBe(
      text('it is no SentencePiece model: it holds no pieces'),
    );
    expect(await refusal({ 'tokenizer.model': trained(pieces(['a', 0, 9]), [3, 2]) })).toBe(
      text('piece 0 is of type 9'),
    );
    expect(await refusal({ 'tokenizer.model': trained(pieces(['a', Number.NaN, 1]), [3, 2]) })).toBe(
      text('piece 0 has the score NaN'),
    );
    expect(await refusal({ 'tokenizer.model': trained(pieces(['a', 0, 1]), [3, 7]) })).toBe(
      text('its algorithm is number 7'),
    );
    // A piece of 2^34 bytes.
    expect(await refusal({ 'tokenizer.model': Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x3f) })).toBe(
      text(none),
    );
  });

  test('damage anywhere gives a named error or a vocabulary', async () => {
    const random = seededRandom(7);
    const kinds = [
      ['tokenizer.model', llama()],
      ['tokenizer.json', family('qwen-3').files.get('tokenizer.json')!],
      ['tokenizer.json', family('gemma').files.get('tokenizer.json')!],
      ['tekken.json', family('tekken').files.get('tekken.json')!],
      ['spiece.model', family('t5-model').files.get('spiece.model')!],
    ] as const;
    for (let round = 0; round < 400; round++) {
      const [name, whole] = kinds[round % kinds.length]!;
      const bytes = whole.slice(0, random() < 0.3 ? Math.floor(random() * whole.length) : whole.length);
      for (let flips = Math.floor(random() * 4); flips > 0; flips--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      const error = await readVocabulary(folderOf({ [name]: bytes }), {}).catch((thrown) => thrown);
      if (error instanceof Error) expect(error).toBeInstanceOf(LowbitError);
    }
  });
});
