import { expect, test } from 'vitest';
import { kernels, kernelsNow, referenceKernels } from './index.ts';

test('importing compiles nothing; the first call does, once', async () => {
  expect(kernelsNow()).toBe(referenceKernels);
  const loaded = await kernels();
  expect(loaded).not.toBe(referenceKernels);
  expect(await kernels()).toBe(loaded);
  expect(kernelsNow()).toBe(loaded);
});
