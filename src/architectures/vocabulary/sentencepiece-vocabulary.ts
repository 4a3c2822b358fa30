import { fail } from '../../tensor/index.ts';
import { isControl, noteAddedTokens } from './added-tokens.ts';
import { checkByteTokens } from './byte-tokens.ts';
import { SPACE } from './piece-spacing.ts';
import type { SentencePieceModel } from './sentencepiece-model.ts';
import { TokenList } from './token-list.ts';
import type { JsonObject } from './tokenizer-files.ts';
import type { AddedToken } from './tokenizer-json.ts';
import { byteFallbackNote, unigramKeys } from './unigram.ts';
import type { TokenizerContent } from './vocabulary.ts';

/** Score of added tokens, as llama.cpp's converter gives it. */
const ADDED_SCORE = -1000;

/**
 * The vocabulary of a SentencePiece model file with the tokens that were added to it: BPE as llama.cpp's `llama`,
 * unigram as its `t5`.
 * @throws vocabulary/unknown-model, vocabulary/unsupported, vocabulary/no-bytes, and what placing throws
 */
export function sentencePieceVocabulary(
  model: SentencePieceModel,
  added: readonly AddedToken[],
  tokenizerConfig: JsonObject,
  onNote: (note: string) => void,
): TokenizerContent {
  const { file, algorithm } = model;
  if (algorithm !== 'bpe' && algorithm !== 'unigram') {
    fail('vocabulary/unknown-model', {
      file,
      got: `SentencePiece ${algorithm}`,
      known: ['SentencePiece bpe', 'SentencePiece unigram'],
    });
  }
  if (model.treatsSpaceAsSuffix) fail('vocabulary/unsupported', { file, what: 'puts spaces behind words' });
  if (!model.escapesSpaces)
    fail('vocabulary/unsupported', { file, what: `does not write spaces as ${SPACE}` });
  const tokens = new TokenList(file);
  for (const [id, { text, score, type }] of model.pieces.entries()) {
    tokens.place(id, text, type, score);
    if (type === 'userDefined') tokens.change(id, { text: text.replaceAll(SPACE, ' ') });
  }
  overlay(tokens, added, onNote);
  noteAddedTokens(added, onNote);
  const specials = specialsOf(model);
  const { removesExtraSpaces, charsmap } = model;
  const said = tokenizerConfig.add_prefix_space;
  const prefix = typeof said === 'boolean' ? said : model.addsDummyPrefix;
  if (algorithm === 'unigram') {
    if (model.pieces.some(({ type }) => type === 'byte')) onNote(byteFallbackNote);
    const extra = unigramKeys({ prefix, removesExtraSpaces, charsmap });
    return { model: 't5', pre: 'default', tokens, extra, specials, frame: { addBos: false, addEos: true } };
  }
  checkByteTokens(tokens);
  if (removesExtraSpaces) onNote('The tokenizer makes runs of spaces one; llama.cpp keeps them.');
  if (charsmap.length > 0) onNote('The tokenizer rewrites characters first (NFKC); llama.cpp does not.');
  return {
    model: 'llama',
    pre: 'default',
    tokens,
    extra: [['tokenizer.ggml.add_space_prefix', { type: 'bool', value: prefix }]],
    specials,
    frame: { addBos: specials.bos !== undefined, addEos: false },
  };
}

/** Added tokens take the place of what the model has at their ids. */
function overlay(tokens: TokenList, added: readonly AddedToken[], onNote: (note: string) => void): void {
  for (const token of added) {
    const { id, content } = token;
    const there = tokens.typeOf(id);
    const known = tokens.idOf(content) === id;
    const type = there === 'unknown' && known ? there : isControl(token) ? 'control' : 'userDefined';
    const text = type === 'userDefined' ? content.replaceAll(SPACE, ' ') : content;
    if (there === undefined) tokens.place(id, content, type, ADDED_SCORE, true);
    else if (!known) onNote(`Added token '${content}' replaces '${tokens.textOf(id)}' at id ${id}.`);
    tokens.change(id, { text, type, score: ADDED_SCORE });
  }
}

function specialsOf({
  unkId,
  bosId,
  eosId,
  padId,
  pieces,
}: SentencePieceModel): TokenizerContent['specials'] {
  const inside = (id: number) => (id >= 0 && id < pieces.length ? id : undefined);
  return { unk: inside(unkId), bos: inside(bosId), eos: inside(eosId), pad: inside(padId) };
}
