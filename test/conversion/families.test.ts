import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { families, knownArchitectures } from 'lowbit/architectures';
import { expect, test } from 'vitest';
import { readCase } from './tiny-checkpoint.ts';

const goldens = join(import.meta.dirname, '../golden/decoders');
const page = readFileSync(join(import.meta.dirname, '../../docs/conversion.md'), 'utf8');

test('an architecture belongs to one family', () => {
  expect(new Set(knownArchitectures).size).toBe(knownArchitectures.length);
  expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
});

test('every family has a golden case', () => {
  const cases = readdirSync(goldens).filter((file) => file.endsWith('.json'));
  const covered = cases.flatMap(
    (file) => readCase(file.replace('.json', '')).config.architectures as string[],
  );
  expect(families.filter(({ huggingFace }) => !huggingFace.some((name) => covered.includes(name)))).toEqual(
    [],
  );
});

test('every family is in the documents, in their order', () => {
  const rows = families.map(
    ({ name, huggingFace, architecture }) => `| ${name} | ${huggingFace.join(', ')} | ${architecture} |`,
  );
  const written = page.split('\n').filter((line) => / \| [A-Za-z0-9]+(ForCausalLM|LMHeadModel)/.test(line));
  expect(written.map((line) => line.split('|').slice(0, 4).join('|').concat('|'))).toEqual(rows);
});
