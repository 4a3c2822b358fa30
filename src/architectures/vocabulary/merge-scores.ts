import { fail } from '../../tensor/index.ts';
import { named, shortened } from './shown.ts';
import type { BpeModel } from './tokenizer-json.ts';

/**
 * Scores that make llama.cpp's SentencePiece tokenizer merge as a list of merges does: it joins any two neighbours
 * whose text is a token, the highest score first, so a token scores minus its place among the tokens that merges make.
 * That is the same where every pair of tokens that makes a token is a merge, as in all lists that were made from a
 * SentencePiece model.
 * @throws vocabulary/merge for a merge of unknown tokens, vocabulary/unsupported where pairs are missing.
 */
export function mergeScores({ vocab, merges }: BpeModel, file: string): Map<string, number> {
  const texts = new Set(vocab.map(([text]) => text));
  const made = new Map<string, { rank: number; pairs: number }>();
  for (const [index, [left, right]] of merges.entries()) {
    const merged = left + right;
    const unknown = [left, right, merged].find((text) => !texts.has(text));
    if (unknown !== undefined) {
      const why = `the vocabulary has no '${shortened(unknown)}'`;
      fail('vocabulary/merge', { file, index, merge: shortened(`${left} ${right}`), why });
    }
    const token = made.get(merged);
    if (token === undefined) made.set(merged, { rank: made.size, pairs: 1 });
    else token.pairs++;
  }
  const missing = [...made].filter(([text, { pairs }]) => pairsOf(text, texts) > pairs).map(([text]) => text);
  if (missing.length > 0) {
    const what = `merges only some of the pairs of tokens that make the same text (for ${named(missing, 3)})`;
    fail('vocabulary/unsupported', { file, what });
  }
  return new Map([...made].map(([text, { rank }]) => [text, -rank]));
}

/** How many pairs of tokens make the text. */
function pairsOf(text: string, texts: ReadonlySet<string>): number {
  let pairs = 0;
  for (let at = 1; at < text.length; at++) {
    if (texts.has(text.slice(0, at)) && texts.has(text.slice(at))) pairs++;
  }
  return pairs;
}
