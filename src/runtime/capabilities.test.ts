import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { capabilities } from './capabilities.ts';

test('one frozen probe', async () => {
  const found = await capabilities();
  expect(await capabilities()).toBe(found);
  expect(Object.isFrozen(found) && Object.isFrozen(found.runtimes)).toBe(true);
  expect(found.platform).toBe('node');
  expect(found.cores).toBe(availableParallelism());
  expect(found.runtimes).toContain('wasm');
});
