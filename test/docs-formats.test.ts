import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatMenu, ranges } from '../src/numerics/index.ts';
import { formatMenuMarkdown } from '../src/report/index.ts';

const page = readFileSync(join(import.meta.dirname, '../docs/formats.md'), 'utf8');

test('the page of formats shows the menu as it is', () => {
  const own = formatMenu().filter(({ name }) => !name.startsWith('gguf:'));
  expect(page).toContain(formatMenuMarkdown(own));
});

test('the page of formats names every range search and its source', () => {
  for (const [name, { source }] of Object.entries(ranges)) {
    expect(page).toContain(`\`${name}\``);
    expect(page).toContain(source);
  }
});
