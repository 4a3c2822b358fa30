import { fail } from '../../tensor/index.ts';
import { byteCharacters } from './byte-characters.ts';
import { shown } from './shown.ts';
import { MAX_TOKENS, type TokenList } from './token-list.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';
import { parseTokenizerJson, type TokenizerJson } from './tokenizer-json.ts';
import type { TokenizerContent } from './vocabulary.ts';

/** Special tokens of files that do not list them (version 3, 2024); the rest are <SPECIAL_n>. */
const firstSpecials = [
  ...['<unk>', '<s>', '</s>', '[INST]', '[/INST]', '[AVAILABLE_TOOLS]', '[/AVAILABLE_TOOLS]'],
  ...['[TOOL_RESULTS]', '[/TOOL_RESULTS]', '[TOOL_CALLS]', '[IMG]', '<pad>', '[IMG_BREAK]', '[IMG_END]'],
  ...['[PREFIX]', '[MIDDLE]', '[SUFFIX]', '[SYSTEM_PROMPT]', '[/SYSTEM_PROMPT]', '[TOOL_CONTENT]'],
];

/**
 * Mistral's own tekken.json as the tokenizer.json it stands for: byte sequences by rank, special tokens before them,
 * one expression that cuts text. Two neighbours whose bytes are a token are a merge, the lowest rank first.
 * @throws vocabulary/malformed, vocabulary/too-large
 */
export function parseTekken(json: JsonObject, file: string): TokenizerJson {
  const { config, vocab } = json;
  if (!isObject(config) || typeof config.pattern !== 'string')
    malformed(file, 'it has no "config" with a "pattern"');
  const size = count(config.default_vocab_size, file, 'default_vocab_size');
  const specials = count(config.default_num_special_tokens, file, 'default_num_special_tokens');
  if (!Array.isArray(vocab)) malformed(file, '"vocab" is no list');
  if (specials > size) malformed(file, `it has ${specials} special tokens, but only ${size} tokens`);
  const tokens = vocab.slice(0, size - specials).map((token, rank) => tokenText(token, rank, file));
  const special = specialTexts(json.special_tokens, specials, file);
  return parseTokenizerJson(
    {
      added_tokens: special.map((content, id) => ({ id, content, special: true })),
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: config.pattern }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        ],
      },
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }],
      },
      model: {
        type: 'BPE',
        vocab: Object.fromEntries(tokens.map((text, rank) => [text, specials + rank])),
        merges: mergesOf(tokens),
        ignore_merges: true,
      },
    },
    file,
  );
}

/** The roles that Mistral's library gives special tokens. */
export const tekkenSpecials = (tokens: TokenList): TokenizerContent['specials'] => ({
  bos: tokens.idOf('<s>'),
  eos: tokens.idOf('</s>'),
  unk: tokens.idOf('<unk>'),
  pad: tokens.idOf('<pad>'),
});

/** All pairs of tokens that make a token, by its rank; of one token, the pair of lowest ranks first. */
function mergesOf(tokens: readonly string[]): [string, string][] {
  const ranks = new Map(tokens.map((text, rank) => [text, rank]));
  return tokens.flatMap((text) => {
    const pairs: { left: string; right: string; ranks: [number, number] }[] = [];
    for (let at = 1; at < text.length; at++) {
      const [left, right] = [text.slice(0, at), text.slice(at)];
      const [a, b] = [ranks.get(left), ranks.get(right)];
      if (a !== undefined && b !== undefined) pairs.push({ left, right, ranks: [a, b] });
    }
    pairs.sort((a, b) => a.ranks[0] - b.ranks[0] || a.ranks[1] - b.ranks[1]);
    return pairs.map(({ left, right }): [string, string] => [left, right]);
  });
}

/** The bytes of a token as visible characters. */
function tokenText(token: unknown, rank: number, file: string): string {
  if (!isObject(token) || token.rank !== rank || typeof token.token_bytes !== 'string') {
    malformed(file, `entry ${rank} of "vocab" is no token of rank ${rank}`);
  }
  try {
    return Array.from(atob(token.token_bytes), (byte) => byteCharacters[byte.charCodeAt(0)]!).join('');
  } catch {
    return malformed(file, `token ${rank} is not written in base64`);
  }
}

function specialTexts(listed: unknown, wanted: number, file: string): string[] {
  const texts = Array.from({ length: wanted }, (_, id) => `<SPECIAL_${id}>`);
  if (listed === undefined || listed === null) {
    return texts.map((text, id) => firstSpecials[id] ?? text);
  }
  if (!Array.isArray(listed)) malformed(file, '"special_tokens" is no list');
  for (const token of listed) {
    if (!isObject(token) || typeof token.token_str !== 'string' || texts[Number(token.rank)] === undefined) {
      malformed(file, `it has ${shown(token)} that is no special token`);
    }
    texts[Number(token.rank)] = token.token_str;
  }
  return texts;
}

function count(value: unknown, file: string, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    malformed(file, `"${what}" is ${shown(value)}`);
  }
  if (value > MAX_TOKENS)
    fail('vocabulary/too-large', { file, what: `its ${what}`, got: value, limit: MAX_TOKENS });
  return value;
}

function malformed(file: string, what: string): never {
  fail('vocabulary/malformed', { file, what });
}
