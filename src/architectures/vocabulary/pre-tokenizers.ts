/**
 * How byte-level tokenizers cut text into words before merging, and llama.cpp's names for it. llama.cpp keeps no
 * expression in a file, only a name; its own converter guesses the name from the hash of one encoded text. Here it is
 * read off what tokenizer.json says: the expressions its pre-tokenizer applies one after another, in one spelling.
 *
 * Source: llama_vocab::impl::load and llm_tokenizer_bpe of llama.cpp's src/llama-vocab.cpp (v0.5.0), the hashes of its
 * conversion/base.py, and the tokenizer.json of the named models. Every row is held to the ids of Hugging Face's
 * tokenizers in test/vocabulary/.
 */
export interface PreTokenizer {
  /** `tokenizer.ggml.pre`. */
  readonly name: string;
  /** The expressions, in the order they are applied; every match is a word, and so is what lies between. */
  readonly splits: readonly string[];
  /** llama.cpp takes a word that is a token as it is ("ignore_merges" in tokenizer.json). */
  readonly ignoreMerges: boolean;
  /** llama.cpp removes the spaces before punctuation when it turns ids into text ("clean_up_tokenization_spaces"). */
  readonly cleansSpaces: boolean;
  /** Models of this kind compose characters (NFC) first: tells names apart that llama.cpp treats alike. */
  readonly composes: boolean;
  /** LLAMA_VOCAB_PRE_TYPE_... in src/llama-vocab.cpp. */
  readonly type: string;
  readonly models: string;
}

const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const anyCase = `(?i:${contractions})`;
/** Letters with one other character before them. */
const word = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const signs = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';
const lines = '\\s*[\\r\\n]+';
const spaces = '\\s+(?!\\S)|\\s+';
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const before = '[^\\r\\n\\p{L}\\p{N}]?';
const signsAndPaths = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*';
const ascii = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+';

/** What `ByteLevel` with `use_regex` applies. */
export const gpt2Split = `${contractions}| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|${spaces}`;

const wordsOf = (digits: string, contracted = `${anyCase}|`) =>
  [contracted + word, digits, signs, lines, spaces].join('|');

const camelWordsOf = (digits: string, contracted: string) =>
  [
    `${before}${upper}*${lower}+${contracted}`,
    `${before}${upper}+${lower}*${contracted}`,
    digits,
    signsAndPaths,
    lines,
    spaces,
  ].join('|');

const deepseekWords = [
  ascii,
  '[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+',
  ' ?[\\p{P}\\p{S}]+[\\r\\n]*',
  lines,
  spaces,
].join('|');

const halfSpaces = [512, 256, 128, 64, 32, 16, 8, 4].map((n) => `\\s{${n}}(?!\\S)`).join('|');

const digit = '\\p{N}';
const upTo3 = '\\p{N}{1,3}';

/** Rows of the same expressions: the one whose other properties fit best is taken, the first if several do. */
export const preTokenizers: readonly PreTokenizer[] = [
  row('gpt-2', [gpt2Split], 'GPT2', 'GPT-2, Phi-1/2', { cleansSpaces: true }),
  row('olmo', [gpt2Split], 'OLMO', 'OLMo, GPT-NeoX', { cleansSpaces: true, composes: true }),
  row('trillion', [gpt2Split], 'TRILLION', 'Trillion; as gpt-2, spaces kept'),
  row('starcoder', [digit, gpt2Split], 'STARCODER', 'StarCoder 2, Granite', { cleansSpaces: true }),
  row('smollm', [digit, gpt2Split], 'SMOLLM', 'SmolLM'),
  row('command-r', [digit, gpt2Split], 'COMMAND_R', 'Command R', { composes: true }),
  row('llama-bpe', [wordsOf(upTo3)], 'LLAMA3', 'Llama 3, SmolLM 3', {
    ignoreMerges: true,
    cleansSpaces: true,
  }),
  row('dbrx', [wordsOf(upTo3)], 'DBRX', 'DBRX, OLMo 2, Phi-4', { cleansSpaces: true }),
  row('qwen2', [wordsOf(digit)], 'QWEN2', 'Qwen 1.5 to 3', { composes: true }),
  row('stablelm2', [wordsOf(digit)], 'STABLELM2', 'StableLM 2', { cleansSpaces: true }),
  row(
    'qwen35',
    [
      `${anyCase}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|${digit}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${lines}|${spaces}`,
    ],
    'QWEN35',
    'Qwen 3.5',
    { composes: true },
  ),
  row('ufakzeka', [wordsOf(digit, '')], 'UFAKZEKA', 'ufakzeka'),
  row('minicpm5', [upTo3, wordsOf('\\p{N}+')], 'MINICPM5', 'MiniCPM 5', {
    ignoreMerges: true,
    cleansSpaces: true,
  }),
  row(
    'jais-2',
    [`${anyCase}|${word}|${upTo3}|${signs}|${lines}|${halfSpaces}|\\s{1,2}(?!\\S)|\\s{1}`],
    'JAIS2',
    'Jais 2',
    { cleansSpaces: true },
  ),
  row(
    'seed-coder',
    [`${anyCase}|${word}|${digit}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${lines}|${spaces}`],
    'SEED_CODER',
    'Seed-Coder',
  ),
  row(
    'bailingmoe',
    [`${anyCase}|${word}|${digit}|${signs}|\\s*[\\r\\n]|${spaces}`],
    'BAILINGMOE',
    'Ling, LLaDA-MoE',
  ),
  row('tekken', [camelWordsOf(digit, '')], 'TEKKEN', 'Mistral Nemo and later', { ignoreMerges: true }),
  row('gpt-4o', [camelWordsOf(upTo3, `${anyCase}?`)], 'GPT4O', 'GPT-4o, gpt-oss, Phi-4-mini, Llama 4'),
  row('deepseek-v3', [upTo3, '[一-龥぀-ゟ゠-ヿ]+', deepseekWords], 'DEEPSEEK3_LLM', 'DeepSeek V3, R1'),
  row(
    'deepseek-coder',
    ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+', digit],
    'DEEPSEEK_CODER',
    'DeepSeek Coder',
  ),
  row('falcon', ['[\\p{P}!-/:-@\\[-`{-~]+', gpt2Split, '[0-9][0-9][0-9]'], 'FALCON', 'Falcon', {
    cleansSpaces: true,
  }),
  row('bloom', [' ?[^(\\s|[.,!?…。，、।۔،])]+'], 'BLOOM', 'BLOOM', { cleansSpaces: true }),
];

function row(
  name: string,
  splits: readonly string[],
  type: string,
  models: string,
  { ignoreMerges = false, cleansSpaces = false, composes = false } = {},
): PreTokenizer {
  return { name, splits, ignoreMerges, cleansSpaces, composes, type, models };
}
