import { fail } from '../../tensor/index.ts';
import { noteAddedTokens, placeAddedTokens } from './added-tokens.ts';
import { byteCharacters } from './byte-characters.ts';
import { frameOf } from './frame.ts';
import { recognisePreTokenizer } from './recognise-pre-tokenizer.ts';
import { shortened } from './shown.ts';
import { describeStep } from './steps.ts';
import { TokenList } from './token-list.ts';
import type { AddedToken, BpeModel, TokenizerJson } from './tokenizer-json.ts';
import type { TokenizerContent } from './vocabulary.ts';

/** Normalizers that llama.cpp can do without: composing characters, which it leaves to the text. */
const knownNormalizers = ['NFC'];

/**
 * A byte-level BPE tokenizer (GPT-2's way: bytes as visible characters, Ġ for a space) as llama.cpp's `gpt2`: tokens,
 * types, merges and the name of the pre-tokenizer.
 * @throws vocabulary/unknown-pre-tokenizer, vocabulary/unknown-normalizer, vocabulary/merge, and what placing throws
 */
export function byteLevelBpe(
  json: TokenizerJson & { readonly model: BpeModel },
  added: readonly AddedToken[],
  cleansSpaces: boolean,
  onNote: (note: string) => void,
): TokenizerContent {
  const { file, model } = json;
  const strange = json.normalizer.filter((step) => !knownNormalizers.includes(step.type));
  if (strange.length > 0) {
    fail('vocabulary/unknown-normalizer', { file, got: strange.map(describeStep), known: knownNormalizers });
  }
  if (json.normalizer.length > 0) {
    onNote(
      `The tokenizer composes characters first (NFC: e and an accent become é); llama.cpp does not, so give it composed text.`,
    );
  }
  const pre = recognisePreTokenizer(json, cleansSpaces, onNote);
  const tokens = new TokenList(file);
  for (const [text, id] of model.vocab) tokens.place(id, text, 'normal');
  placeAddedTokens(tokens, added);
  noteAddedTokens(added, onNote);
  noteMissingBytes(tokens, onNote);
  const merges = checkedMerges(model, tokens);
  return {
    model: 'gpt2',
    pre: pre.name,
    tokens,
    extra: [['tokenizer.ggml.merges', { type: 'array', of: 'string', value: merges }]],
    specials: {},
    frame: frameOf(json.postProcessor),
  };
}

/** Each merge as its two tokens with a space between; all three tokens must be there, as the tokenizers library wants. */
function checkedMerges({ merges }: BpeModel, tokens: TokenList): string[] {
  return merges.map(([left, right], index) => {
    const unknown = [left, right, left + right].find((token) => tokens.idOf(token) === undefined);
    const why =
      unknown !== undefined
        ? `the vocabulary has no '${shortened(unknown)}'`
        : left.includes(' ') || right.includes(' ')
          ? 'byte-level tokens hold no spaces'
          : undefined;
    const merge = `${left} ${right}`;
    if (why !== undefined)
      fail('vocabulary/merge', { file: tokens.file, index, merge: shortened(merge), why });
    return merge;
  });
}

function noteMissingBytes(tokens: TokenList, onNote: (note: string) => void): void {
  const missing = byteCharacters.filter((character) => tokens.idOf(character) === undefined).length;
  if (missing > 0) {
    onNote(
      `${missing} of the 256 bytes have no token; text that needs them loses them, as with the checkpoint's own.`,
    );
  }
}
