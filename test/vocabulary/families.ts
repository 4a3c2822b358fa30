import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Small tokenizers with the structure of real families, and golden ids (test/golden/vocabulary/make.py). */
const folder = resolve(import.meta.dirname, '../golden/vocabulary');

export interface Family {
  readonly name: string;
  /** The files of its folder. */
  readonly files: Map<string, Uint8Array>;
  /** One list per text; null for a text the recipe leaves out. */
  readonly ids: readonly (readonly number[] | null)[];
  /** The first text with what the tokenizer puts around it. */
  readonly framed?: readonly number[];
  /** A text with the family's added tokens in it, and its ids. */
  readonly special?: string;
  readonly specialIds?: readonly number[];
  /** Texts that the tokenizer's ids give back unchanged. */
  readonly kept: readonly number[];
}

const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

export const texts: readonly string[] = json('texts.json');

export const familyNames: readonly string[] = existsSync(join(folder, 'families'))
  ? readdirSync(join(folder, 'families')).map((name) => name.replace('.json', ''))
  : [];

export function family(name: string): Family {
  const { files, model, as, slow, ...rest } = json(`families/${name}.json`);
  const built = new Map<string, Uint8Array>();
  for (const [path, content] of Object.entries(files)) built.set(path, encode(content));
  if (typeof model === 'string') built.set(as ?? 'tokenizer.model', readFileSync(join(folder, model)));
  else if (slow !== undefined) {
    const { vocab, merges } = trained({ shared: slow }) as {
      vocab: Record<string, number>;
      merges: string[][];
    };
    built.set('vocab.json', encode({ ...vocab, '<|endoftext|>': Object.keys(vocab).length }));
    const lines = ['#version: 0.2', ...merges.map((pair) => pair.join(' ')), ''];
    built.set('merges.txt', new TextEncoder().encode(lines.join('\n')));
  } else if (rest.head !== undefined)
    built.set('tokenizer.json', encode({ ...rest.head, model: { ...model, ...trained(rest) } }));
  return { name, files: built, ...rest };
}

/** Vocabulary and merges that families share. */
function trained({ shared, extra }: { shared?: string; extra?: boolean }): object {
  if (shared === undefined) return {};
  const { tokens, pieces = tokens, merges, extra: more } = json(shared);
  const all: string[] = extra ? [...pieces, ...more] : pieces;
  return { vocab: Object.fromEntries(all.map((text, id) => [text, id])), merges };
}

export const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
