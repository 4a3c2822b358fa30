import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { lowbitVersion } from './version.ts';

test('is the version of the package', async () => {
  const manifest = new URL('../../package.json', import.meta.url);
  expect(lowbitVersion).toBe(JSON.parse(await readFile(manifest, 'utf8')).version);
});
