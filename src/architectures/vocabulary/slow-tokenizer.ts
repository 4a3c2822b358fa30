import { fail } from '../../tensor/index.ts';
import { declaredTokens } from './added-tokens.ts';
import { shortened, shown } from './shown.ts';
import type { JsonObject, TokenizerFiles } from './tokenizer-files.ts';
import { type AddedToken, mergeParts, parseTokenizerJson, type TokenizerJson } from './tokenizer-json.ts';

/**
 * What the Python classes of transformers do, for folders with vocab.json and merges.txt alone: the parts of a
 * tokenizer.json that the class stands for.
 */
const classes: Readonly<Record<string, { normalizer: object | null; pre_tokenizer: object }>> = {
  GPT2Tokenizer: { normalizer: null, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false } },
  Qwen2Tokenizer: {
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex:
              "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          },
          behavior: 'Isolated',
        },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    },
  },
};

/** Class of the tokenizer where tokenizer_config.json names none, by `model_type` of config.json. */
const defaultClasses = new Map([
  ['gpt2', 'GPT2Tokenizer'],
  ['qwen2', 'Qwen2Tokenizer'],
]);

/**
 * The tokenizer of vocab.json and merges.txt; undefined when they are not there.
 * @throws vocabulary/unknown-model for another class, vocabulary/malformed, vocabulary/merge
 */
export async function slowByteLevel(
  files: TokenizerFiles,
  tokenizerConfig: JsonObject,
  config: JsonObject,
): Promise<TokenizerJson | undefined> {
  const vocab = await files.json('vocab.json');
  const lines = await files.text('merges.txt');
  if (vocab === undefined || lines === undefined) return undefined;
  const named = tokenizerConfig.tokenizer_class ?? defaultClasses.get(String(config.model_type));
  const name = String(named).replace(/Fast$/, '');
  if (!Object.hasOwn(classes, name)) {
    const got = named === undefined ? 'vocab.json of an unnamed class' : String(named);
    fail('vocabulary/unknown-model', { file: 'vocab.json', got, known: Object.keys(classes) });
  }
  const merges = lines
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')))
    .map((line, i) => mergeParts(line, i, 'merges.txt'));
  const added = await slowAddedTokens(files, tokenizerConfig);
  const json = {
    ...classes[name],
    model: { type: 'BPE', vocab, merges },
    added_tokens: [...added, ...namedSpecials(tokenizerConfig, vocab, added)],
  };
  return parseTokenizerJson(json, 'vocab.json');
}

/** Special tokens that are in the trained vocabulary, as GPT-2's <|endoftext|> is. */
function namedSpecials(config: JsonObject, vocab: JsonObject, added: readonly AddedToken[]) {
  const texts = ['bos', 'eos', 'unk', 'pad'].map((role) => {
    const value = config[`${role}_token`] ?? (role === 'eos' ? '<|endoftext|>' : undefined);
    return typeof value === 'object' ? (value as { content?: unknown } | null)?.content : value;
  });
  return [...new Set(texts)].flatMap((content) =>
    typeof content === 'string' &&
    typeof vocab[content] === 'number' &&
    !added.some((token) => token.content === content)
      ? [{ id: vocab[content], content, special: true }]
      : [],
  );
}

/**
 * Added tokens where there is no tokenizer.json: added_tokens.json gives ids, tokenizer_config.json also says what they
 * are.
 * @throws vocabulary/malformed
 */
export async function slowAddedTokens(
  files: TokenizerFiles,
  tokenizerConfig: JsonObject,
): Promise<AddedToken[]> {
  const declared = declaredTokens(tokenizerConfig);
  const texts = new Set(declared.map((token) => token.content));
  const file = 'added_tokens.json';
  const listed = Object.entries((await files.json(file)) ?? {}).map(([content, id]): AddedToken => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
      fail('vocabulary/malformed', { file, what: `token '${shortened(content)}' has the id ${shown(id)}` });
    }
    const flags = { special: false, lstrip: false, rstrip: false, singleWord: false, normalized: true };
    return { id, content, ...flags };
  });
  return [...listed.filter((token) => !texts.has(token.content)), ...declared];
}
