/** Pairs of spellings of the same expression; the left one is rewritten to the right one. */
const sameSpellings: readonly (readonly [string, string])[] = [
  ['\r', '\\r'],
  ['\n', '\\n'],
  ['\t', '\\t'],
  ["'(?i:[sdmt]|ll|ve|re)", "(?i:'s|'t|'re|'ve|'m|'ll|'d)"],
  ["'(?:[sdmt]|ll|ve|re)", "'s|'t|'re|'ve|'m|'ll|'d"],
  ["(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", "(?i:'s|'t|'re|'ve|'m|'ll|'d)"],
  ['\\p{N}{1}', '\\p{N}'],
  // Nothing after it can make a possessive repetition of whole classes match otherwise in these expressions.
  ['[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+', '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+'],
  [' ?[^\\s\\p{L}\\p{N}]++', ' ?[^\\s\\p{L}\\p{N}]+'],
];

/** A regular expression of a tokenizer.json in one spelling, so that equal ones compare equal. */
export function plainSpelling(regex: string): string {
  let text = regex;
  for (const [from, to] of sameSpellings) text = text.replaceAll(from, to);
  return text;
}
