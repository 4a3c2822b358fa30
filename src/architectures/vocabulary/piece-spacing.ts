import { fail } from '../../tensor/index.ts';
import { describeStep, patternOf, rowOf, type Step } from './steps.ts';
import type { TokenizerJson } from './tokenizer-json.ts';

/** SentencePiece's sign for a space. */
export const SPACE = '▁';

/** What a tokenizer with ▁ for a space does to text before it looks for pieces. */
export interface PieceSpacing {
  /** Puts a space before the text. */
  readonly prefix: boolean;
  /** Only before the first word of all, not after every special token. */
  readonly prefixOnce: boolean;
  /** Only if the text does not begin with a space. */
  readonly prefixIfNone: boolean;
  /** Runs of spaces become one, spaces at the ends none. */
  readonly removesExtraSpaces: boolean;
  /** No piece may have a space inside, because text is cut before every space. */
  readonly splitsAtSpaces: boolean;
  /** Compiled rules that rewrite characters; undefined for none. */
  readonly charsmap: Uint8Array | undefined;
  /** Other normalizers that rewrite characters. */
  readonly rewrites: readonly string[];
}

type Draft = { -readonly [K in keyof PieceSpacing]: PieceSpacing[K] } & { writesSpaces: boolean };
/** False when it is a step that has no counterpart. */
type Rule = (step: Step, draft: Draft) => boolean;

/**
 * Reads normalizer and pre-tokenizer of a tokenizer.json that writes spaces as ▁.
 * @throws vocabulary/unknown-normalizer, vocabulary/unknown-pre-tokenizer, vocabulary/unsupported
 */
export function pieceSpacing({ file, normalizer, preTokenizer }: TokenizerJson): PieceSpacing {
  const draft: Draft = {
    writesSpaces: false,
    prefix: false,
    prefixOnce: false,
    prefixIfNone: false,
    removesExtraSpaces: false,
    splitsAtSpaces: false,
    charsmap: undefined,
    rewrites: [],
  };
  const strange = normalizer.filter((step) => rowOf(normalizers, step)?.(step, draft) !== true);
  if (strange.length > 0) {
    const known = Object.keys(normalizers);
    fail('vocabulary/unknown-normalizer', { file, got: strange.map(describeStep), known });
  }
  if (!preTokenizer.every((step) => rowOf(cutters, step)?.(step, draft) === true)) {
    const known = Object.keys(cutters);
    fail('vocabulary/unknown-pre-tokenizer', { file, got: preTokenizer.map(describeStep), known });
  }
  if (!draft.writesSpaces)
    fail('vocabulary/unsupported', { file, what: `does not write spaces as ${SPACE}` });
  return draft;
}

const rewriting: Rule = (step, draft) => {
  draft.rewrites = [...draft.rewrites, step.type];
  return true;
};

const normalizers: Readonly<Record<string, Rule>> = {
  Prepend(step, draft) {
    draft.prefix = true;
    return step.prepend === SPACE;
  },
  Replace(step, draft) {
    const pattern = patternOf(step);
    if (pattern?.text === ' ' && !pattern.regex) {
      draft.writesSpaces = true;
      return step.content === SPACE;
    }
    draft.removesExtraSpaces = true;
    return pattern?.text === ' {2,}' && (step.content === SPACE || step.content === ' ');
  },
  Precompiled(step, draft) {
    const charsmap = base64(step.precompiled_charsmap);
    draft.charsmap = charsmap;
    return charsmap !== undefined;
  },
  // Comes with the replacement of runs of spaces.
  Strip: () => true,
  NFC: rewriting,
  NFKC: rewriting,
  Nmt: rewriting,
};

const cutters: Readonly<Record<string, Rule>> = {
  Metaspace(step, draft) {
    const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? 'never' : 'always');
    draft.prefix ||= scheme !== 'never';
    draft.prefixIfNone = scheme !== 'never';
    draft.prefixOnce = scheme === 'first';
    draft.splitsAtSpaces = step.split !== false;
    draft.writesSpaces = true;
    return (step.replacement ?? SPACE) === SPACE && ['always', 'first', 'never'].includes(String(scheme));
  },
  WhitespaceSplit(_step, draft) {
    draft.removesExtraSpaces = true;
    return true;
  },
  // Gemma's: its normalizer leaves no space to cut at.
  Split: (step) => patternOf(step)?.text === ' ' && !patternOf(step)?.regex,
};

function base64(value: unknown): Uint8Array | undefined {
  if (value === null || value === '') return new Uint8Array(0);
  if (typeof value !== 'string') return undefined;
  try {
    return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
