import { named, type TokenList } from './token-list.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';
import { type AddedToken, addedToken } from './tokenizer-json.ts';

/** Texts of special tokens that some checkpoints mark as ordinary added ones (as llama.cpp's converter knows them). */
const looksSpecial = /^(<\|.*\|>|<｜.*｜>|<pad>|<mask>|<2mass>|\[@BOS@\]|<unused.*>)$/s;

export const isControl = ({ special, content }: AddedToken): boolean => special || looksSpecial.test(content);

/**
 * The added tokens of a folder: those of tokenizer.json, then what only tokenizer_config.json has.
 * @throws vocabulary/malformed
 */
export function addedTokensOf(
  inJson: readonly AddedToken[],
  config: JsonObject,
  onNote: (note: string) => void,
): AddedToken[] {
  const tokens = [...inJson];
  const ids = new Map(tokens.map((token) => [token.id, token.content]));
  const texts = new Set(ids.values());
  for (const token of declaredTokens(config)) {
    const there = ids.get(token.id);
    if (there === token.content) continue;
    if (there !== undefined || texts.has(token.content)) {
      onNote(
        `tokenizer_config.json gives '${token.content}' the id ${token.id}, tokenizer.json does not; tokenizer.json is followed.`,
      );
      continue;
    }
    tokens.push(token);
    ids.set(token.id, token.content);
    texts.add(token.content);
  }
  return tokens;
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
