import { fail } from '../../tensor/index.ts';
import { isControl, noteAddedTokens, placeAddedTokens } from './added-tokens.ts';
import { checkByteTokens } from './byte-tokens.ts';
import { frameOf } from './frame.ts';
import { mergeScores } from './merge-scores.ts';
import { type PieceSpacing, pieceSpacing, SPACE } from './piece-spacing.ts';
import { named } from './shown.ts';
import { TokenList } from './token-list.ts';
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
    added.filter((token) => token.id !== unk && !(isSpaceRun(token) && tokens.typeOf(token.id) === 'normal')),
    { score: ADDED_SCORE },
  );
  checkByteTokens(tokens);
  if (!model.byteFallback) {
    onNote('The tokenizer makes unknown characters the unknown token; llama.cpp writes their bytes.');
  }
  noteAddedTokens(added, onNote);
  if (spacing.splitsAtSpaces) checkInnerSpaces(model, tokens);
  noteSpacing(spacing, onNote);
  return {
    model: 'llama',
    pre: 'default',
    tokens,
    extra: [['tokenizer.ggml.add_space_prefix', { type: 'bool', value: spacing.prefix }]],
    specials: { unk },
    frame: frameOf(json.postProcessor),
  };
}

function noteSpacing(spacing: PieceSpacing, onNote: (note: string) => void): void {
  const rewriters = [...spacing.rewrites, ...(spacing.charsmap?.length ? ['Precompiled'] : [])];
  if (rewriters.length > 0) {
    onNote(`The tokenizer rewrites characters first (${rewriters.join(', ')}); llama.cpp does not.`);
  }
  if (spacing.removesExtraSpaces) onNote('The tokenizer makes runs of spaces one; llama.cpp keeps them.');
  if (spacing.prefix && spacing.prefixOnce) {
    onNote(
      'The tokenizer puts a space before the first word only; llama.cpp also after every special token.',
    );
  }
  if (spacing.prefixIfNone) {
    onNote(
      'The tokenizer puts a space before a text only if it begins with none; llama.cpp puts one before every text.',
    );
  }
}

/**
 * Gemma lists runs of ▁ as added tokens. Spaces in a text are never found as such, for they are no ▁ yet when added
 * tokens are looked for: merges make them of single ones. So they stay trained tokens.
 */
const isSpaceRun = (token: AddedToken) =>
  !token.normalized && !isControl(token) && token.content.includes(SPACE);

/** Text that is cut before every space never has such a token; llama.cpp does not cut and would find it. */
function checkInnerSpaces({ vocab }: BpeModel, tokens: TokenList): void {
  const inner = vocab.filter(([text, id]) => tokens.typeOf(id) === 'normal' && text.includes(SPACE, 1));
  if (inner.length > 0) {
    fail('vocabulary/unsupported', {
      file: tokens.file,
      what: `cuts text before every space, yet has tokens with spaces inside (${named(
        inner.map(([text]) => text),
        3,
      )})`,
    });
  }
}
