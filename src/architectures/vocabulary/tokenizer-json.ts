import { fail } from '../../tensor/index.ts';
import { shortened, shown } from './shown.ts';
import { type Step, stepsOf } from './steps.ts';
import { MAX_TOKENS } from './token-list.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';

/** What a tokenizer.json says, checked for its form. */
export interface TokenizerJson {
  /** Its name, for messages. */
  readonly file: string;
  readonly model: BpeModel | UnigramModel;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: readonly Step[];
  readonly preTokenizer: readonly Step[];
  readonly postProcessor: readonly Step[];
}

export interface BpeModel {
  readonly type: 'BPE';
  /** Token and id. */
  readonly vocab: readonly (readonly [string, number])[];
  readonly merges: readonly (readonly [string, string])[];
  readonly unkToken: string | undefined;
  /** Characters without a token become the tokens of their bytes. */
  readonly byteFallback: boolean;
  /** A word that is a token is that token, however its merges would go. */
  readonly ignoreMerges: boolean;
}

export interface UnigramModel {
  readonly type: 'Unigram';
  /** Piece and log probability; the index is the id. */
  readonly vocab: readonly (readonly [string, number])[];
  readonly unkId: number | undefined;
  readonly byteFallback: boolean;
}

/** A token that is found in text before anything else is done to it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Only where no word goes on before or after it. */
  readonly singleWord: boolean;
  /** Looked for in normalized text. */
  readonly normalized: boolean;
}

/** WordPiece and WordLevel belong to encoders, which are not converted. */
const knownModels = ['BPE', 'Unigram'];

/** The longest known have 512 (runs of spaces). Work grows with the square. */
const MAX_TOKEN_LENGTH = 1024;

/** A vocabulary converted from SentencePiece lists two or so merges for each token. */
const MAX_MERGES = 4 * MAX_TOKENS;

/** @throws vocabulary/malformed, vocabulary/unknown-model, vocabulary/unsupported, vocabulary/too-large */
export function parseTokenizerJson(json: JsonObject, file: string): TokenizerJson {
  const { model, added_tokens: added = [] } = json;
  if (!isObject(model)) fail('vocabulary/malformed', { file, what: 'it has no "model"' });
  // Files of old versions leave the type out; only BPE has merges.
  const type = model.type ?? (Array.isArray(model.merges) ? 'BPE' : undefined);
  if (type !== 'BPE' && type !== 'Unigram') {
    fail('vocabulary/unknown-model', { file, got: String(type), known: knownModels });
  }
  if (!Array.isArray(added)) fail('vocabulary/malformed', { file, what: '"added_tokens" is no list' });
  return {
    file,
    model: type === 'BPE' ? bpeModel(model, file) : unigramModel(model, file),
    addedTokens: added.map((token, i) => addedToken(token, file, `added token ${i}`)),
    normalizer: stepsOf(json.normalizer, file, 'normalizer'),
    preTokenizer: stepsOf(json.pre_tokenizer, file, 'pre-tokenizer'),
    postProcessor: stepsOf(json.post_processor, file, 'post-processor'),
  };
}

function bpeModel(model: JsonObject, file: string): BpeModel {
  const { vocab, merges } = model;
  if (!isObject(vocab)) {
    fail('vocabulary/malformed', { file, what: '"vocab" of its model is no map from tokens to ids' });
  }
  if (!Array.isArray(merges))
    fail('vocabulary/malformed', { file, what: '"merges" of its model is no list' });
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model[key]) {
      fail('vocabulary/unsupported', {
        file,
        what: `marks parts of words ("${key}": ${shown(model[key])})`,
      });
    }
  }
  const entries = Object.entries(vocab) as [string, number][];
  checkCount(entries.length, file, 'tokens', MAX_TOKENS);
  for (const [text] of entries) {
    if (text.length > MAX_TOKEN_LENGTH) {
      const what = `the length of token '${shortened(text)}'`;
      fail('vocabulary/too-large', { file, what, got: text.length, limit: MAX_TOKEN_LENGTH });
    }
  }
  checkCount(merges.length, file, 'merges', MAX_MERGES);
  return {
    type: 'BPE',
    vocab: entries,
    merges: merges.map((merge, index) => mergeParts(merge, index, file)),
    unkToken: typeof model.unk_token === 'string' ? model.unk_token : undefined,
    byteFallback: model.byte_fallback === true,
    ignoreMerges: model.ignore_merges === true,
  };
}

/** A merge as a pair, or as one text with a space between its parts. */
export function mergeParts(merge: unknown, index: number, file: string): readonly [string, string] {
  const parts = typeof merge === 'string' ? merge.split(' ') : merge;
  if (
    Array.isArray(parts) &&
    parts.length === 2 &&
    parts.every((part) => typeof part === 'string' && part !== '')
  ) {
    return parts as [string, string];
  }
  return fail('vocabulary/merge', {
    file,
    index,
    merge: shown(merge),
    why: 'it is no pair of tokens',
  });
}

function unigramModel(model: JsonObject, file: string): UnigramModel {
  const { vocab } = model;
  if (!Array.isArray(vocab)) fail('vocabulary/malformed', { file, what: '"vocab" of its model is no list' });
  checkCount(vocab.length, file, 'tokens', MAX_TOKENS);
  for (const [id, entry] of vocab.entries()) {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string' || typeof entry[1] !== 'number') {
      fail('vocabulary/malformed', { file, what: `token ${id} is no pair of a piece and its score` });
    }
  }
  const unkId = model.unk_id;
  return {
    type: 'Unigram',
    vocab,
    unkId: typeof unkId === 'number' && unkId in vocab ? unkId : undefined,
    byteFallback: model.byte_fallback === true,
  };
}

/** @throws vocabulary/malformed */
export function addedToken(value: unknown, file: string, where: string): AddedToken {
  if (!isObject(value) || typeof value.content !== 'string') {
    fail('vocabulary/malformed', { file, what: `${where} has no "content"` });
  }
  const { id, content } = value;
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
    fail('vocabulary/malformed', { file, what: `${where} has the id ${shown(id)}` });
  }
  return {
    id,
    content,
    special: value.special === true,
    lstrip: value.lstrip === true,
    rstrip: value.rstrip === true,
    singleWord: value.single_word === true,
    normalized: value.normalized === true,
  };
}

function checkCount(got: number, file: string, what: string, limit: number): void {
  if (got > limit) fail('vocabulary/too-large', { file, what: `its number of ${what}`, got, limit });
}
