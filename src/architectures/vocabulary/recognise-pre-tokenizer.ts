import { fail } from '../../tensor/index.ts';
import { gpt2Split, type PreTokenizer, preTokenizers } from './pre-tokenizers.ts';
import { plainSpelling } from './regex-spelling.ts';
import { named } from './shown.ts';
import { describeStep, patternOf, rowOf, type Step } from './steps.ts';
import type { BpeModel, TokenizerJson } from './tokenizer-json.ts';
import { unreachableTokens } from './unreachable-tokens.ts';

/** Whether a tokenizer writes bytes as visible characters (GPT-2's way), not spaces as ▁ (SentencePiece's). */
export const isByteLevel = ({ preTokenizer }: TokenizerJson): boolean =>
  preTokenizer.some((step) => step.type === 'ByteLevel');

/**
 * The pre-tokenizer of llama.cpp that cuts text as this tokenizer does.
 * @throws vocabulary/unknown-pre-tokenizer, vocabulary/unsupported
 */
export function recognisePreTokenizer(
  json: TokenizerJson & { readonly model: BpeModel },
  cleansSpaces: boolean,
  onNote: (note: string) => void,
): PreTokenizer {
  const { file, model } = json;
  const splits = splitsOf(json.preTokenizer, file);
  const alike = preTokenizers.filter((row) => splits !== undefined && sameList(row.splits, splits));
  if (alike.length === 0) {
    const known = preTokenizers.map((row) => row.name);
    fail('vocabulary/unknown-pre-tokenizer', { file, got: json.preTokenizer.map(describeStep), known });
  }
  const composes = json.normalizer.some((step) => step.type === 'NFC');
  const fits = ({
    ignoreMerges = false,
    cleansSpaces: cleans = false,
    composes: nfc = false,
  }: PreTokenizer) =>
    4 * Number(ignoreMerges === model.ignoreMerges) +
    2 * Number(cleans === cleansSpaces) +
    Number(nfc === composes);
  const best = alike.reduce((a, b) => (fits(b) > fits(a) ? b : a));
  if (Boolean(best.ignoreMerges) !== model.ignoreMerges) checkMergesAlike(json, best, onNote);
  if (best.differs !== undefined) {
    onNote(`llama.cpp's pre-tokenizer '${best.name}' is not exact: ${best.differs}.`);
  }
  if (best.cleansSpaces && !cleansSpaces) {
    onNote(
      `llama.cpp leaves out spaces before punctuation when it turns ids of pre-tokenizer '${best.name}' into text; this checkpoint's tokenizer does not.`,
    );
  }
  return best;
}

/** Where one side looks words up before merging and the other does not, only a token that merges miss can differ. */
function checkMergesAlike(
  { file, model, addedTokens }: TokenizerJson & { readonly model: BpeModel },
  { name }: PreTokenizer,
  onNote: (note: string) => void,
): void {
  const missed = unreachableTokens(model, new Set(addedTokens.map((token) => token.content)));
  if (missed.length === 0) return;
  const said = `"ignore_merges": ${model.ignoreMerges}`;
  onNote(
    `${file} says ${said}, and llama.cpp's pre-tokenizer '${name}' does the opposite: ${missed.length} tokens that no merges make may be found by only one of them: ${named(missed)}.`,
  );
}

const sameList = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/** The expressions that byte-level pre-tokenizers apply, in order; undefined if one is of another kind. */
function splitsOf(steps: readonly Step[], file: string): string[] | undefined {
  const splits: string[] = [];
  for (const [i, step] of steps.entries()) {
    // What follows would cut the characters that stand for bytes, not those of the text.
    if (i > 0 && steps[i - 1]!.type === 'ByteLevel') return undefined;
    const split = rowOf(splitRules, step)?.(step, file);
    if (split === undefined) return undefined;
    if (split !== '') splits.push(plainSpelling(split));
  }
  return splits;
}

/** By step: the expression it cuts by, '' if it does not cut, undefined if it cuts in a way that no row knows. */
const splitRules: Readonly<Record<string, (step: Step, file: string) => string | undefined>> = {
  ByteLevel(step, file) {
    if (step.add_prefix_space === true) {
      fail('vocabulary/unsupported', {
        file,
        what: 'puts a space before a text ("add_prefix_space": true of its ByteLevel)',
      });
    }
    return step.use_regex === false ? '' : gpt2Split;
  },
  Split(step) {
    const pattern = patternOf(step);
    if (pattern === undefined || !pattern.regex) return undefined;
    const cutsAround = step.behavior === 'Isolated' && step.invert !== true;
    // Keeps the matches and drops the rest: the same where the matches leave nothing out.
    const keepsMatches = step.behavior === 'Removed' && step.invert === true;
    return cutsAround || (keepsMatches && pattern.text.endsWith('|\\s+')) ? pattern.text : undefined;
  },
  Digits: (step) => (step.individual_digits === true ? '\\p{N}' : '\\p{N}+'),
};
