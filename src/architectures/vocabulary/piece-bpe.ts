import { fail } from '../../tensor/index.ts';
import { noteAddedTokens, placeAddedTokens } from './added-tokens.ts';
import { checkByteTokens } from './byte-tokens.ts';
import { frameOf } from './frame.ts';
import { mergeScores } from './merge-scores.ts';
import { pieceSpacing, SPACE } from './piece-spacing.ts';
import { named, TokenList } from './token-list.ts';
import type { AddedToken, BpeModel, TokenizerJson } from './tokenizer-json.ts';
import type { TokenizerContent } from './vocabulary.ts';

/** Score of added tokens, as llama.cpp's converter gives it. */
const ADDED_SCORE = -1000;

/**
 * A BPE tokenizer with ▁ for a space and tokens for single bytes, as tokenizer.json has it after conversion from
 * SentencePiece (Llama 2, Mistral, Gemma, Phi-3, TinyLlama), as llama.cpp's `llama`: tokens, scores, types.
 * @throws vocabulary/unknown-normalizer, vocabulary/unknown-pre-tokenizer, vocabulary/merge, vocabulary/unsupported,
 *   vocabulary/no-bytes, and what placing throws
 */
export function pieceBpe(
  json: TokenizerJson & { readonly model: BpeModel },
  added: readonly AddedToken[],
  onNote: (note: string) => void,
): TokenizerContent {
  const { file, model } = json;
  const spacing = pieceSpacing(json);
  const scores = mergeScores(model, file);
  const tokens = new TokenList(file);
  const lowest = -scores.size;
  for (const [text, id] of model.vocab) {
    const isByte = model.byteFallback && /^<0x[0-9A-F]{2}>$/.test(text);
    const type = isByte ? 'byte' : text === model.unkToken ? 'unknown' : 'normal';
    tokens.place(id, text, type, type === 'normal' ? (scores.get(text) ?? lowest) : 0);
  }
  const unk = model.unkToken === undefined ? undefined : tokens.idOf(model.unkToken);
  placeAddedTokens(
    tokens,
    added.filter((token) => token.id !== unk),
    { score: ADDED_SCORE, shown: (text) => text.replaceAll(SPACE, ' ') },
  );
  checkByteTokens(tokens);
  noteAddedTokens(added, onNote);
  if (spacing.splitsAtSpaces) checkInnerSpaces(tokens);
  if (spacing.removesExtraSpaces) onNote('The tokenizer makes runs of spaces one; llama.cpp keeps them.');
  const rewriters = [...spacing.rewrites, ...(spacing.charsmap?.length ? ['Precompiled'] : [])];
  if (rewriters.length > 0) {
    onNote(`The tokenizer rewrites characters first (${rewriters.join(', ')}); llama.cpp does not.`);
  }
  if (spacing.prefix && spacing.prefixOnce) {
    onNote(
      'The tokenizer puts a space before the first word only; llama.cpp also after every special token.',
    );
  }
  return {
    model: 'llama',
    pre: 'default',
    tokens,
    extra: [['tokenizer.ggml.add_space_prefix', { type: 'bool', value: spacing.prefix }]],
    specials: { unk },
    frame: frameOf(json.postProcessor),
  };
}

/** Text that is cut before every space never has such a token; llama.cpp does not cut and would find it. */
function checkInnerSpaces(tokens: TokenList): void {
  const inner = tokens
    .texts()
    .filter((text, id) => tokens.typeOf(id) === 'normal' && text.includes(SPACE, 1));
  if (inner.length > 0) {
    fail('vocabulary/unsupported', {
      file: tokens.file,
      what: `cuts text before every space, yet has tokens with spaces inside (${named(inner, 3)})`,
    });
  }
}
