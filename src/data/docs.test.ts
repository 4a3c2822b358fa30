import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { datasetJsonSchema, formatNames, parseDatasetSpec } from './index.ts';

const text = readFileSync(resolve(import.meta.dirname, '../../docs/data.md'), 'utf8');

test('every description in the documentation is valid', () => {
  const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1]!);
  expect(examples.length).toBeGreaterThan(3);
  for (const example of examples) parseDatasetSpec(JSON.parse(example), example);
});

test('every key and every format is documented', () => {
  const keysOf = (schema: unknown): string[] => {
    if (typeof schema !== 'object' || schema === null) return [];
    const own = Object.keys((schema as { properties?: object }).properties ?? {});
    return [...own, ...Object.values(schema).flatMap(keysOf)];
  };
  const keys = new Set(keysOf(datasetJsonSchema()));
  keys.delete('$schema');
  const said = (name: string) => text.includes(`\`${name}\``) || text.includes(`"${name}"`);
  expect([...keys, ...formatNames].filter((name) => !said(name))).toEqual([]);
});
