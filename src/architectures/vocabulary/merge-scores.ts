import { fail } from '../../tensor/index.ts';
import { named } from './token-list.ts';
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
  const scores = new Map<string, number>();
  const pairs = new Set<string>();
  for (const [index, [left, right]] of merges.entries()) {
    const merged = left + right;
    const unknown = [left, right, merged].find((text) => !texts.has(text));
    if (unknown !== undefined) {
      const why = `the vocabulary has no '${unknown}'`;
      fail('vocabulary/merge', { file, index, merge: `${left} ${right}`, why });
    }
    if (!scores.has(merged)) scores.set(merged, -scores.size);
    pairs.add(`${left}\0${right}`);
  }
  const missing = [...scores.keys()].flatMap((merged) => missingPair(merged, texts, pairs) ?? []);
  if (missing.length > 0) {
    fail('vocabulary/unsupported', {
      file,
      what: `merges some pairs of tokens and not others that make the same text (not ${named(missing, 3)})`,
    });
  }
  return scores;
}

/** Two tokens that make the text without being a merge; undefined when there are none. */
function missingPair(
  text: string,
  texts: ReadonlySet<string>,
  pairs: ReadonlySet<string>,
): string | undefined {
  for (let at = 1; at < text.length; at++) {
    const [left, right] = [text.slice(0, at), text.slice(at)];
    if (texts.has(left) && texts.has(right) && !pairs.has(`${left}\0${right}`))
      return `'${left}' + '${right}'`;
  }
  return undefined;
}
