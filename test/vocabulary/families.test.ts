import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readVocabulary, type Vocabulary } from '../../src/architectures/vocabulary/index.ts';
import { preTokenizers } from '../../src/architectures/vocabulary/pre-tokenizers.ts';
import { memorySiblings } from '../../src/files/index.ts';
import { family, familyNames, texts } from './families.ts';
import { loadVocabulary, whyNoLlama } from './llama-cpp.ts';

/**
 * For every family of tokenizers: llama.cpp's ids with our vocabulary are those of the checkpoint's own tokenizer.
 * Where llama.cpp cannot do what a tokenizer does, the texts that come out otherwise are named here, and a note says so.
 */
interface Expected {
  readonly model: 'gpt2' | 'llama' | 't5';
  readonly pre: string;
  /** Beginnings of the texts with other ids. */
  readonly differs?: readonly string[];
  /** Words of the notes, in order. */
  readonly notes?: readonly string[];
}

/** llama.cpp does not compose e and an accent. */
const decomposed = { differs: ['n\u0303 q\u0303'], notes: ['composes characters first (NFC'] };
/** A ▁ in a text is a space to llama.cpp. */
const literalSpaceSign = { differs: [' ▁ ▁▁ a▁b'] };
const marks = {
  differs: ['مرحبا', 'नमस्ते', 'สวัสดี', 'שלום', '🚀 (normal)'],
  notes: ["'tekken' is not exact: it leaves combining marks out of words"],
};

const expected: Readonly<Record<string, Expected>> = {
  bailingmoe: { model: 'gpt2', pre: 'bailingmoe' },
  bloom: { model: 'gpt2', pre: 'bloom' },
  'command-r': { model: 'gpt2', pre: 'command-r', ...decomposed },
  'deepseek-coder': { model: 'gpt2', pre: 'deepseek-coder' },
  'deepseek-v3': { model: 'gpt2', pre: 'deepseek-v3' },
  gemma: { model: 'llama', pre: 'default', ...literalSpaceSign },
  'gemma-model': { model: 'llama', pre: 'default', ...literalSpaceSign },
  'gpt-2': { model: 'gpt2', pre: 'gpt-2' },
  'gpt-2-kept': { model: 'gpt2', pre: 'trillion' },
  'gpt-2-slow': { model: 'gpt2', pre: 'gpt-2' },
  'gpt-4o': { model: 'gpt2', pre: 'granite-embed-multi-97m' },
  'gpt-oss': { model: 'gpt2', pre: 'granite-embed-multi-97m' },
  'jais-2': { model: 'gpt2', pre: 'jais-2' },
  'llama-2': { model: 'llama', pre: 'default' },
  'llama-2-model': { model: 'llama', pre: 'default' },
  'llama-3': { model: 'gpt2', pre: 'llama-bpe' },
  'minicpm-5': { model: 'gpt2', pre: 'minicpm5' },
  mistral: {
    model: 'llama',
    pre: 'default',
    differs: [' leading', '  two  spaces', ' \n \n\t\n', '<html>', ' ▁ ▁▁ a▁b', 'Hi <unk>x'],
    notes: ['a space before the first word only', 'only if it begins with none'],
  },
  'mistral-nemo': { model: 'gpt2', pre: 'tekken', ...marks },
  olmo: { model: 'gpt2', pre: 'olmo', ...decomposed },
  'olmo-2': { model: 'gpt2', pre: 'dbrx' },
  'phi-3': { model: 'llama', pre: 'default', notes: ["general.name contains 'phi-3'"] },
  'qwen-2.5': { model: 'gpt2', pre: 'qwen2', ...decomposed },
  'qwen-3': { model: 'gpt2', pre: 'qwen2', ...decomposed },
  'qwen-3.5': { model: 'gpt2', pre: 'qwen35', ...decomposed },
  'seed-coder': { model: 'gpt2', pre: 'seed-coder' },
  smollm: { model: 'gpt2', pre: 'smollm' },
  'stablelm-2': { model: 'gpt2', pre: 'stablelm2' },
  starcoder: { model: 'gpt2', pre: 'starcoder' },
  t5: { model: 't5', pre: 'default', ...literalSpaceSign },
  't5-model': { model: 't5', pre: 'default' },
  tekken: { model: 'gpt2', pre: 'tekken', ...marks },
  ufakzeka: { model: 'gpt2', pre: 'ufakzeka' },
};

const why = whyNoLlama();
if (why !== undefined) console.warn(`Vocabularies are not loaded into llama.cpp: ${why}.`);

test('every family is expected', () => {
  expect(Object.keys(expected).sort()).toEqual([...familyNames].sort());
});

test('the texts tell pre-tokenizers apart: a wrong name would give other ids', () => {
  const idsOfSplits = new Map<string, string>();
  for (const [name, { model, pre }] of Object.entries(expected)) {
    if (model !== 'gpt2' || name === 'tekken') continue;
    const splits = splitsOf(pre);
    // Only texts without a token that needs whole words looked up, and composed ones.
    const ids = JSON.stringify(
      family(name)
        .ids.slice(1)
        .filter((_, i) => !texts[i + 1]!.includes('\u0303')),
    );
    for (const [other, otherIds] of idsOfSplits) if (other !== splits) expect(ids).not.toBe(otherIds);
    idsOfSplits.set(splits, ids);
  }
  expect(idsOfSplits.size).toBe(new Set(preTokenizers.map((row) => splitsOf(row.name))).size);
});

/** The expressions of a row; the line ends of 'bailingmoe' are written otherwise, but match the same. */
const splitsOf = (pre: string) =>
  preTokenizers
    .find((row) => row.name === pre)!
    .splits.join('\n')
    .replace('|\\s*[\\r\\n]|', '|\\s*[\\r\\n]+|');

test.skipIf(why !== undefined).each(Object.keys(expected))('%s: ids of llama.cpp', async (name) => {
  const { files, ids, framed, special, specialIds, kept } = family(name);
  const { model, pre, differs = [], notes: wanted = [] } = expected[name]!;
  const notes: string[] = [];
  const vocabulary = await readVocabulary(memorySiblings(files), configOf(files), {
    onNote: (note) => notes.push(note),
  });
  expect([stringOf(vocabulary, 'model'), stringOf(vocabulary, 'pre')]).toEqual([model, pre]);
  expect(notes.length, notes.join('\n')).toBe(wanted.length);
  for (const [i, words] of wanted.entries()) expect(notes[i]).toContain(words);

  // Phi-3's special tokens take white space along only in a model of that name.
  const llama = await loadVocabulary(vocabulary, name);
  const all = [...texts.map((text, i) => [text, ids[i]] as const), [special, specialIds] as const];
  const cases = all.filter((pair): pair is [string, number[]] => pair[0] !== undefined && pair[1] != null);
  expect(cases.length).toBeGreaterThan(25);
  const other = cases.filter(([text, golden]) => llama.encode(text).join() !== golden.join());
  expect(other.map(([text]) => differs.find((start) => text.startsWith(start)) ?? text)).toEqual(differs);

  if (framed !== undefined) {
    const own = llama.encode(texts[0]!);
    const { bos, eos } = { bos: idOf(vocabulary, 'bos'), eos: idOf(vocabulary, 'eos') };
    expect([...(llama.addsBos ? [bos] : []), ...own, ...(llama.addsEos ? [eos] : [])]).toEqual(framed);
  }
  if (!cleans.has(pre)) {
    for (const i of kept) expect(llama.decode(ids[i]!)).toBe(texts[i]);
  }
  llama.close();
});

/** Where llama.cpp removes spaces before punctuation, as these checkpoints want it. */
const cleans = new Set(preTokenizers.filter((row) => row.cleansSpaces).map((row) => row.name));

const configOf = (files: ReadonlyMap<string, Uint8Array>) => {
  const bytes = files.get('config.json');
  return bytes === undefined ? {} : JSON.parse(new TextDecoder().decode(bytes));
};

const stringOf = ({ metadata }: Vocabulary, key: string) => metadata.get(`tokenizer.ggml.${key}`)?.value;
const idOf = ({ metadata }: Vocabulary, role: string) =>
  metadata.get(`tokenizer.ggml.${role}_token_id`)?.value;

test('docs/vocabulary.md has every pre-tokenizer, with its properties', () => {
  const page = readFileSync(new URL('../../docs/vocabulary.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]*)\| ([^|]+) \|$/gm)];
  expect(rows.map(([, name, further, models]) => [name, further!.trim(), models])).toEqual(
    preTokenizers.map(({ name, ignoreMerges, cleansSpaces, composes, models }) => [
      name,
      [ignoreMerges && 'ignores merges', cleansSpaces && 'cleans spaces', composes && 'NFC']
        .filter(Boolean)
        .join(', '),
      models,
    ]),
  );
});
