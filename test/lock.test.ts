import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface Entry {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * npm writes no entry for an optional package that its registry does not serve, and `npm ci` then refuses the
 * lock, on this platform and on the one that is missing. Entries need a version, `os` and `cpu`.
 */
test('the lock names every optional package of every platform', () => {
  const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8'));
  const packages = lock.packages as Readonly<Record<string, Entry>>;
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});
