/** The known name that a typing error most likely meant, if one is near enough. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // One letter of two is a guess, not a typing error; what the most of them end with says nothing of which was meant.
  const limit = Math.floor((name.length - sharedEnd(name, known)) / 3);
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best ?? known.find((candidate) => name.length >= 3 && candidate.startsWith(name));
}

/** Letters at the end of `name` that more than half of the known names end with, too; of few names none. */
function sharedEnd(name: string, known: readonly string[]): number {
  if (known.length < 4) return 0;
  let length = 0;
  while (length < name.length) {
    const end = name.slice(name.length - length - 1);
    if (known.filter((candidate) => candidate.endsWith(end)).length * 2 <= known.length) break;
    length++;
  }
  return length;
}

/** Insertions, deletions, replacements and swaps of neighbours (Damerau 1964, restricted). */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => i + j),
  );
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = best;
    }
  }
  return rows[a.length]![b.length]!;
}
