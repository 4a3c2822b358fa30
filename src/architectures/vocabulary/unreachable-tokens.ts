import type { BpeModel } from './tokenizer-json.ts';

/**
 * Tokens that are never the result of merging their own characters, so that a word is such a token only if words are
 * looked up first; `besides` are found in text before that.
 */
export function unreachableTokens({ vocab, merges }: BpeModel, besides: ReadonlySet<string>): string[] {
  const ranks = new Map<string, Map<string, number>>();
  for (const [rank, [left, right]] of merges.entries()) {
    let rights = ranks.get(left);
    if (rights === undefined) ranks.set(left, (rights = new Map()));
    if (!rights.has(right)) rights.set(right, rank);
  }
  return vocab.flatMap(([token]) => (besides.has(token) || mergesToOne(token, ranks) ? [] : token));
}

/** Merges the pair of lowest rank, the leftmost of equals, until none is left. */
function mergesToOne(token: string, ranks: ReadonlyMap<string, ReadonlyMap<string, number>>): boolean {
  const parts = [...token];
  while (parts.length > 1) {
    let best = Number.POSITIVE_INFINITY;
    let at = -1;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(parts[i]!)?.get(parts[i + 1]!);
      if (rank !== undefined && rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return false;
    parts.splice(at, 2, parts[at]! + parts[at + 1]!);
  }
  return true;
}
