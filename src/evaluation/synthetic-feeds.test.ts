import { expect, test } from 'vitest';
import type { PortInfo } from '../runtime/index.ts';
import { elementCount } from '../tensor/index.ts';
import { syntheticFeeds } from './synthetic-feeds.ts';

test('feeds of a text model: ids, a mask of ones, one sequence length', () => {
  const ports: PortInfo[] = [
    { name: 'input_ids', dtype: 'int64', shape: ['batch', 'seq'] },
    { name: 'attention_mask', dtype: 'int64', shape: ['batch', 'seq'] },
    { name: 'token_type_ids', dtype: 'int64', shape: ['batch', 'seq'] },
  ];
  const { feeds, assumptions, synthetic } = syntheticFeeds(ports, { batch: 2 });
  expect(synthetic).toBe(true);
  expect(feeds.input_ids!.dims).toEqual([2, 32]);
  const ids = [...(feeds.input_ids!.data as BigInt64Array)];
  expect(ids.every((id) => id >= 0n && id < 10n)).toBe(true);
  expect(new Set(ids).size).toBeGreaterThan(3);
  expect(new Set(feeds.attention_mask!.data as BigInt64Array)).toEqual(new Set([1n]));
  expect(new Set(feeds.token_type_ids!.data as BigInt64Array)).toEqual(new Set([0n]));
  expect(assumptions).toEqual(['batch = 2', 'seq = 32']);
});

test('feeds of other models fit their ports', () => {
  const ports: PortInfo[] = [
    { name: 'pixels', dtype: 'float32', shape: ['', 3, 'height', 'width'] },
    { name: 'state', dtype: 'float16', shape: [2, '', 128] },
    { name: 'sr', dtype: 'int64', shape: [] },
    { name: 'bytes', dtype: 'uint8', shape: [1, 8] },
    { name: 'use_cache', dtype: 'bool', shape: [1] },
    { name: 'past_key', dtype: 'float32', shape: ['batch', 4, 'past_length', 8] },
    { name: 'text', dtype: 'string', shape: ['n'] },
  ];
  const { feeds } = syntheticFeeds(ports, { batch: 3, dims: { 'state.1': 1, height: 8, width: 6 } });
  expect(Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, t.dims]))).toEqual({
    pixels: [3, 3, 8, 6],
    state: [2, 1, 128],
    sr: [],
    bytes: [1, 8],
    use_cache: [1],
    past_key: [3, 4, 0, 8],
    text: [3],
  });
  for (const t of Object.values(feeds)) expect(t.data).toHaveLength(elementCount(t.dims));
  expect(feeds.sr!.data[0]).toBe(16000n);
  const pixels = feeds.pixels!.data as Float32Array;
  const mean = pixels.reduce((sum, v) => sum + v, 0) / pixels.length;
  expect(Math.abs(mean)).toBeLessThan(0.2);
});

test('the same seed gives the same feeds', () => {
  const ports: PortInfo[] = [{ name: 'x', dtype: 'float32', shape: [64] }];
  expect(syntheticFeeds(ports)).toEqual(syntheticFeeds(ports));
  expect(syntheticFeeds(ports, { seed: 2 })).not.toEqual(syntheticFeeds(ports));
});
