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
  /** LLAMA_VOCAB_PRE_TYPE_... in src/llama-vocab.cpp. */
  readonly type: string;
  /** The expressions, in the order they are applied; every match is a word, and so is what lies between. */
  readonly splits: readonly string[];
  /** llama.cpp takes a word that is a token as it is ("ignore_merges" in tokenizer.json). */
  readonly ignoreMerges?: boolean;
  /** llama.cpp removes the spaces before punctuation when it turns ids into text ("clean_up_tokenization_spaces"). */
  readonly cleansSpaces?: boolean;
  /** Models of this kind compose characters (NFC) first: tells names apart that llama.cpp treats alike. */
  readonly composes?: boolean;
  readonly models: string;
  /** What llama.cpp does otherwise than the expressions say. */
  readonly differs?: string;
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

const digit = '\\p{N}';
const upTo3 = '\\p{N}{1,3}';

/** Words of letters and marks. */
const markedWords = [
  `${anyCase}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+`,
  digit,
  ' ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*',
  lines,
  spaces,
].join('|');

/** Runs of spaces cut into powers of two. */
const halvedSpaces = [
  ...[anyCase, word, upTo3, signs, lines],
  ...[512, 256, 128, 64, 32, 16, 8, 4].map((n) => `\\s{${n}}(?!\\S)`),
  ...['\\s{1,2}(?!\\S)', '\\s{1}'],
].join('|');

/** Rows of the same expressions: the one whose other properties fit best is taken, the first if several do. */
export const preTokenizers: readonly PreTokenizer[] = [
  { name: 'gpt-2', type: 'GPT2', splits: [gpt2Split], cleansSpaces: true, models: 'GPT-2, Phi-2' },
  {
    name: 'olmo',
    type: 'OLMO',
    splits: [gpt2Split],
    cleansSpaces: true,
    composes: true,
    models: 'OLMo, GPT-NeoX',
  },
  { name: 'trillion', type: 'TRILLION', splits: [gpt2Split], models: 'as gpt-2, but text keeps its spaces' },
  {
    name: 'starcoder',
    type: 'STARCODER',
    splits: [digit, gpt2Split],
    cleansSpaces: true,
    models: 'StarCoder 2',
  },
  { name: 'smollm', type: 'SMOLLM', splits: [digit, gpt2Split], models: 'SmolLM' },
  { name: 'command-r', type: 'COMMAND_R', splits: [digit, gpt2Split], composes: true, models: 'Command R' },
  {
    name: 'llama-bpe',
    type: 'LLAMA3',
    splits: [wordsOf(upTo3)],
    ignoreMerges: true,
    cleansSpaces: true,
    models: 'Llama 3, SmolLM 3',
  },
  { name: 'dbrx', type: 'DBRX', splits: [wordsOf(upTo3)], cleansSpaces: true, models: 'DBRX, OLMo 2, Phi-4' },
  { name: 'qwen2', type: 'QWEN2', splits: [wordsOf(digit)], composes: true, models: 'Qwen 1.5 to 3' },
  {
    name: 'stablelm2',
    type: 'STABLELM2',
    splits: [wordsOf(digit)],
    cleansSpaces: true,
    models: 'StableLM 2',
  },
  { name: 'qwen35', type: 'QWEN35', splits: [markedWords], composes: true, models: 'Qwen 3.5' },
  { name: 'ufakzeka', type: 'UFAKZEKA', splits: [wordsOf(digit, '')], models: 'ufakzeka' },
  {
    name: 'minicpm5',
    type: 'MINICPM5',
    splits: [upTo3, wordsOf('\\p{N}+')],
    ignoreMerges: true,
    cleansSpaces: true,
    models: 'MiniCPM 5',
  },
  { name: 'jais-2', type: 'JAIS2', splits: [halvedSpaces], cleansSpaces: true, models: 'Jais 2' },
  {
    name: 'seed-coder',
    type: 'SEED_CODER',
    splits: [`${anyCase}|${word}|${digit}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${lines}|${spaces}`],
    models: 'Seed-Coder',
  },
  {
    name: 'bailingmoe',
    type: 'BAILINGMOE',
    splits: [`${anyCase}|${word}|${digit}|${signs}|\\s*[\\r\\n]|${spaces}`],
    models: 'Ling, LLaDA-MoE',
  },
  {
    name: 'tekken',
    type: 'TEKKEN',
    splits: [camelWordsOf(digit, '')],
    ignoreMerges: true,
    models: 'Mistral Nemo and later',
    differs:
      'it leaves combining marks out of words, so Hindi, Thai and vowelled Arabic or Hebrew may get other ids',
  },
  {
    // 'gpt-4o' of llama.cpp is this expression without the marks; here it is whole, and ids are right.
    name: 'granite-embed-multi-97m',
    type: 'GRANITE_EMB_MULTI',
    splits: [camelWordsOf(upTo3, `${anyCase}?`)],
    ignoreMerges: true,
    models: 'GPT-4o, gpt-oss, Phi-4-mini, Llama 4',
  },
  {
    name: 'deepseek-v3',
    type: 'DEEPSEEK3_LLM',
    splits: [upTo3, '[一-龥぀-ゟ゠-ヿ]+', deepseekWords],
    models: 'DeepSeek V3, R1',
  },
  {
    name: 'deepseek-coder',
    type: 'DEEPSEEK_CODER',
    splits: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+', digit],
    models: 'DeepSeek Coder',
  },
  {
    name: 'bloom',
    type: 'BLOOM',
    splits: [' ?[^(\\s|[.,!?…。，、।۔،])]+'],
    cleansSpaces: true,
    models: 'BLOOM',
  },
];
