import type { MetadataValue, Siblings } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import { addedTokensOf } from './added-tokens.ts';
import { byteLevelBpe } from './byte-level-bpe.ts';
import { chatTemplates } from './chat-template.ts';
import { pieceBpe } from './piece-bpe.ts';
import { isByteLevel } from './recognise-pre-tokenizer.ts';
import { readSentencePieceModel } from './sentencepiece-model.ts';
import { sentencePieceVocabulary } from './sentencepiece-vocabulary.ts';
import { slowAddedTokens, slowByteLevel } from './slow-tokenizer.ts';
import { noteLookalikes, type Role, specialKey, specialTokens } from './special-tokens.ts';
import { parseTekken, tekkenSpecials } from './tekken.ts';
import { MAX_TOKENS } from './token-list.ts';
import { isObject, type JsonObject, TokenizerFiles } from './tokenizer-files.ts';
import {
  type BpeModel,
  parseTokenizerJson,
  type TokenizerJson,
  type UnigramModel,
} from './tokenizer-json.ts';
import { unigram } from './unigram.ts';
import type { Frame, TokenizerContent, Vocabulary, VocabularyOptions } from './vocabulary.ts';

/** What is looked for, in this order: the first that is there says what the tokenizer does. */
const lookedFor = [
  'tokenizer.json',
  'tekken.json',
  'tokenizer.model',
  'spiece.model',
  'vocab.json with merges.txt',
];

/**
 * Reads the tokenizer of a Hugging Face folder and says it as llama.cpp has it: the `tokenizer.*` keys of a GGUF file.
 * `config` is the parsed config.json.
 *
 * @throws vocabulary/missing, vocabulary/malformed, vocabulary/too-large, vocabulary/unknown-model,
 *   vocabulary/unknown-pre-tokenizer, vocabulary/unknown-normalizer, vocabulary/unsupported, vocabulary/merge,
 *   vocabulary/id-twice, vocabulary/token-twice, vocabulary/no-bytes, vocabulary/larger-than-embedding
 */
export async function readVocabulary(
  folder: Siblings,
  config: JsonObject,
  { vocabSize, onNote = () => {} }: VocabularyOptions = {},
): Promise<Vocabulary> {
  const files = new TokenizerFiles(folder);
  const tokenizerConfig = (await files.json('tokenizer_config.json')) ?? {};
  const content = await readContent(files, tokenizerConfig, config, onNote);
  const { tokens } = content;
  const size = vocabSize ?? sizeIn(config) ?? tokens.length;
  if (size > MAX_TOKENS) {
    const what = 'the number of tokens that its model has';
    fail('vocabulary/too-large', { file: tokens.file, what, got: size, limit: MAX_TOKENS });
  }
  tokens.resize(size, onNote);
  const sources = {
    tokenizerConfig,
    specialTokensMap: (await files.json('special_tokens_map.json')) ?? {},
    config,
    generationConfig: (await files.json('generation_config.json')) ?? {},
  };
  const ids = specialTokens(content, sources, onNote);
  noteLookalikes(tokens, onNote);
  const metadata = new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', { type: 'string', value: content.model }],
    ['tokenizer.ggml.pre', { type: 'string', value: content.pre }],
    ...tokens.metadata(content.model !== 'gpt2'),
    ...content.extra,
    ...[...ids].map(([role, value]): [string, MetadataValue] => [
      specialKey(role),
      { type: 'uint32', value },
    ]),
    ...frameKeys(content.frame, tokenizerConfig, ids, onNote),
    ...(await chatTemplates(files, tokenizerConfig)),
  ]);
  if (content.model === 'gpt2' && !ids.has('eos')) {
    onNote('No file names the token that ends a text; llama.cpp will take token 11 for it.');
  }
  return { metadata, tokenCount: size };
}

async function readContent(
  files: TokenizerFiles,
  tokenizerConfig: JsonObject,
  config: JsonObject,
  onNote: (note: string) => void,
): Promise<TokenizerContent> {
  const cleansSpaces = tokenizerConfig.clean_up_tokenization_spaces !== false;
  const fromJson = (json: TokenizerJson) => {
    const added = addedTokensOf(json, tokenizerConfig, onNote);
    if (json.model.type === 'Unigram') {
      return unigram(json as TokenizerJson & { readonly model: UnigramModel }, added, onNote);
    }
    const bpe = json as TokenizerJson & { readonly model: BpeModel };
    return isByteLevel(json) ? byteLevelBpe(bpe, added, cleansSpaces, onNote) : pieceBpe(bpe, added, onNote);
  };
  const json = await files.json('tokenizer.json');
  if (json !== undefined) return fromJson(parseTokenizerJson(json, 'tokenizer.json'));
  const tekken = await files.json('tekken.json');
  if (tekken !== undefined) {
    const content = fromJson(parseTekken(tekken, 'tekken.json'));
    return { ...content, specials: tekkenSpecials(content.tokens) };
  }
  for (const name of ['tokenizer.model', 'spiece.model']) {
    const bytes = await files.bytes(name);
    if (bytes === undefined) continue;
    const added = await slowAddedTokens(files, tokenizerConfig);
    return sentencePieceVocabulary(readSentencePieceModel(bytes, name), added, tokenizerConfig, onNote);
  }
  const slow = await slowByteLevel(files, tokenizerConfig, config);
  if (slow !== undefined) return fromJson(slow);
  return fail('vocabulary/missing', { looked: lookedFor });
}

/** Rows of the embedding as config.json has them. */
function sizeIn(config: JsonObject): number | undefined {
  const inner = isObject(config.text_config) ? config.text_config.vocab_size : undefined;
  const size = config.vocab_size ?? inner;
  return typeof size === 'number' && Number.isInteger(size) && size > 0 ? size : undefined;
}

/** Whether llama.cpp puts a token before and after a text: as the checkpoint's settings say, else as its tokenizer does. */
function frameKeys(
  frame: Frame,
  tokenizerConfig: JsonObject,
  ids: ReadonlyMap<Role, number>,
  onNote: (note: string) => void,
): [string, MetadataValue][] {
  const keys = [
    ['bos', frame.addBos],
    ['eos', frame.addEos],
  ] as const;
  return keys.map(([role, adds]) => {
    const said = tokenizerConfig[`add_${role}_token`];
    const wanted = typeof said === 'boolean' ? said : adds;
    if (wanted && !ids.has(role)) {
      onNote(`The tokenizer wants a ${role} token around every text, but no file says which; none is added.`);
    }
    return [`tokenizer.ggml.add_${role}_token`, { type: 'bool', value: wanted && ids.has(role) }];
  });
}
