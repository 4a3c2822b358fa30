import type { MetadataValue } from '../../files/index.ts';
import { noteAddedTokens, placeAddedTokens } from './added-tokens.ts';
import { frameOf } from './frame.ts';
import { pieceSpacing } from './piece-spacing.ts';
import { TokenList } from './token-list.ts';
import type { AddedToken, TokenizerJson, UnigramModel } from './tokenizer-json.ts';
import type { TokenizerContent } from './vocabulary.ts';

/**
 * A unigram tokenizer of a tokenizer.json (T5) as llama.cpp's `t5`: pieces, scores, types, and the rules that rewrite
 * characters.
 * @throws vocabulary/unknown-normalizer, vocabulary/unknown-pre-tokenizer, and what placing throws
 */
export function unigram(
  json: TokenizerJson & { readonly model: UnigramModel },
  added: readonly AddedToken[],
  onNote: (note: string) => void,
): TokenizerContent {
  const { file, model } = json;
  const spacing = pieceSpacing(json);
  const tokens = new TokenList(file);
  for (const [id, [text, score]] of model.vocab.entries()) {
    const isByte = model.byteFallback && /^<0x[0-9A-F]{2}>$/.test(text);
    tokens.place(id, text, isByte ? 'byte' : id === model.unkId ? 'unknown' : 'normal', score);
  }
  placeAddedTokens(
    tokens,
    added.filter((token) => token.id !== model.unkId),
  );
  noteAddedTokens(added, onNote);
  if (model.byteFallback) onNote(byteFallbackNote);
  if (spacing.rewrites.length > 0) {
    onNote(`The tokenizer rewrites characters first (${spacing.rewrites.join(', ')}); llama.cpp does not.`);
  }
  return {
    model: 't5',
    pre: 'default',
    tokens,
    extra: unigramKeys(spacing),
    specials: { unk: model.unkId },
    frame: frameOf(json.postProcessor),
  };
}

export const byteFallbackNote =
  'The tokenizer writes unknown characters as bytes; llama.cpp makes them the unknown token in unigram vocabularies.';

/** What llama.cpp does to text before it looks for pieces. */
export function unigramKeys(spacing: {
  readonly prefix: boolean;
  readonly removesExtraSpaces: boolean;
  readonly charsmap: Uint8Array | undefined;
}): [string, MetadataValue][] {
  const keys: [string, MetadataValue][] = [
    ['tokenizer.ggml.add_space_prefix', { type: 'bool', value: spacing.prefix }],
    ['tokenizer.ggml.remove_extra_whitespaces', { type: 'bool', value: spacing.removesExtraSpaces }],
  ];
  if (spacing.charsmap !== undefined && spacing.charsmap.length > 0) {
    const value: MetadataValue = { type: 'array', of: 'uint8', value: spacing.charsmap };
    keys.push(['tokenizer.ggml.precompiled_charsmap', value]);
  }
  return keys;
}
