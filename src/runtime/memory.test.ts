import { expect, test } from 'vitest';
import { float32, LowbitError, tensor } from '../tensor/index.ts';
import { identityModel } from './identity-model.ts';
import { measureMemory } from './memory.ts';

const options = { runtime: 'native', threads: 1 } as const;

test('memory of a tiny model is small but real', async () => {
  const bytes = await measureMemory({ bytes: identityModel }, { x: float32([1], [3]) }, options);
  expect(bytes).toBeGreaterThanOrEqual(0);
  expect(bytes).toBeLessThan(32e6);
});

test('a model that does not run is named', async () => {
  // The model takes one element.
  const feeds = { x: tensor('float32', [2], new Float32Array(2)) };
  const error = await measureMemory({ bytes: identityModel }, feeds, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(LowbitError);
  expect((error as LowbitError).message).toMatchInlineSnapshot(
    `"Peak memory was not measured: a process that loads and runs the model with the native runtime said: Got invalid dimensions for input: x for the following indices index: 0 Got: 2 Expected: 1 Please fix either the inputs/outputs or the model. Check that the model runs; measure without memory otherwise."`,
  );
});

test('an abort ends the process', async () => {
  const controller = new AbortController();
  const feeds = { x: float32([1], [3]) };
  const measured = measureMemory({ bytes: identityModel }, feeds, {
    ...options,
    runs: 1e9,
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 20);
  expect(await measured.catch((e: unknown) => (e as LowbitError).code)).toBe('run/aborted');
});
