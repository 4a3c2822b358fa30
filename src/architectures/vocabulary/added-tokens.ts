import { named } from './shown.ts';
import type { TokenList } from './token-list.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';
import { type AddedToken, addedToken, type TokenizerJson } from './tokenizer-json.ts';

/** Texts of special tokens that some checkpoints mark as ordinary added ones (as llama.cpp's converter knows them). */
const looksSpecial = /^(<\|.*\|>|<｜.*｜>|<pad>|<mask>|<2mass>|\[@BOS@\]|<unused.*>)$/s;

export const isControl = ({ special, content }: AddedToken): boolean => special || looksSpecial.test(content);

/**
 * The added tokens of a folder: those of tokenizer.json, then what only tokenizer_config.json has.
 * @throws vocabulary/malformed
 */
export function addedTokensOf(
  { file, model, addedTokens }: TokenizerJson,
  config: JsonObject,
  onNote: (note: string) => void,
): AddedToken[] {
  const ids = new Set(addedTokens.map((token) => token.id));
  const further = declaredTokens(config).filter((token) => !ids.has(token.id));
  if (further.length === 0) return [...addedTokens];
  const texts = new Map(model.vocab.map(([text, id], i) => [model.type === 'BPE' ? id : i, text]));
  const known = new Set([...texts.values(), ...addedTokens.map((token) => token.content)]);
  const fitting = further.filter(({ id, content }) => {
    const there = texts.get(id);
    const fits = there === content || (there === undefined && !known.has(content));
    if (!fits) {
      const instead = there === undefined ? `${file} has it elsewhere` : `${file} has '${there}' there`;
      onNote(`tokenizer_config.json gives '${content}' the id ${id}, but ${instead}; ${file} is followed.`);
    }
    return fits;
  });
  return [...addedTokens, ...fitting];
}

/** `added_tokens_decoder` of tokenizer_config.json. */
export function declaredTokens(config: JsonObject): AddedToken[] {
  const decoder = config.added_tokens_decoder;
  if (!isObject(decoder)) return [];
  return Object.entries(decoder).map(([id, token]) =>
    addedToken(
      isObject(token) ? { ...token, id: Number(id) } : token,
      'tokenizer_config.json',
      `added token ${id}`,
    ),
  );
}

/**
 * Puts added tokens into the list, where the trained vocabulary has them or at ids of their own.
 * @throws vocabulary/id-twice, vocabulary/token-twice
 */
export function placeAddedTokens(tokens: TokenList, added: readonly AddedToken[], { score = 0 } = {}): void {
  for (const token of added) {
    const type = isControl(token) ? 'control' : 'userDefined';
    if (tokens.textOf(token.id) !== token.content) tokens.place(token.id, token.content, type, score, true);
    tokens.change(token.id, { type, score });
  }
}

/** Says which properties of added tokens llama.cpp has no counterpart of. */
export function noteAddedTokens(added: readonly AddedToken[], onNote: (note: string) => void): void {
  const losses: [(token: AddedToken) => boolean, string][] = [
    [(token) => token.lstrip, 'take the white space before them along (lstrip), which llama.cpp does not'],
    [
      (token) => token.rstrip,
      "take the white space after them along (rstrip), which llama.cpp does only in models whose general.name contains 'phi-3' or 'phi3'",
    ],
    [(token) => token.singleWord, 'count only as whole words (single_word); llama.cpp finds them anywhere'],
  ];
  for (const [has, what] of losses) {
    const those = added.filter(has).map((token) => `'${token.content}'`);
    if (those.length > 0) onNote(`Added tokens ${what}: ${named(those)}.`);
  }
}
