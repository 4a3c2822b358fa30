import { expect, test } from 'vitest';
import { memoryTensor, type TensorSource } from '../files/index.ts';
import { transposedTensor } from './computed-tensors.ts';

const bytes = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const floats = (given: Uint8Array) => [...new Float32Array(given.slice().buffer)];

/** A [3, 5] tensor with value 10 * row + column, and how often rows of it were read. */
function counted(): { tensor: TensorSource; reads: () => number } {
  const values = [0, 1, 2].flatMap((row) => [0, 1, 2, 3, 4].map((column) => 10 * row + column));
  const tensor = memoryTensor('a', [3, 5], 'float32', bytes(values));
  let reads = 0;
  const read = (from: number, to: number) => {
    reads++;
    return tensor.read(from, to);
  };
  return { tensor: { ...tensor, read }, reads: () => reads };
}

test('a transposed tensor is made in bands, and each band is read once', async () => {
  const { tensor, reads } = counted();
  // Two rows of three float32 values.
  const turned = transposedTensor(tensor, 'b', [5, 3], {}, 24);
  expect(floats(await turned.read(0, 1))).toEqual([0, 10, 20]);
  expect(floats(await turned.read(1, 2))).toEqual([1, 11, 21]);
  expect(reads()).toBe(1);
  expect(floats(await turned.read(1, 5))).toEqual([1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24]);
  expect(reads()).toBe(3);
  expect(floats(await turned.read(0, 5))).toHaveLength(15);
  expect(reads()).toBe(6);
});

test('tensors that share a slot hold one band together', async () => {
  const [first, second] = [counted(), counted()];
  const slot = {};
  const a = transposedTensor(first.tensor, 'a', [5, 3], slot);
  const b = transposedTensor(second.tensor, 'b', [5, 3], slot);
  await Promise.all([a.read(0, 2), a.read(2, 5)]);
  expect(first.reads()).toBe(1);
  await b.read(0, 5);
  expect(floats(await a.read(4, 5))).toEqual([4, 14, 24]);
  expect([first.reads(), second.reads()]).toEqual([2, 1]);
});

test('a band that could not be read is read again', async () => {
  const { tensor } = counted();
  let fails = true;
  const flaky: TensorSource = {
    ...tensor,
    async read(from, to) {
      if (fails) throw new Error('disk');
      return tensor.read(from, to);
    },
  };
  const turned = transposedTensor(flaky, 'b', [5, 3], {});
  await expect(turned.read(0, 1)).rejects.toThrow('disk');
  fails = false;
  expect(floats(await turned.read(3, 4))).toEqual([3, 13, 23]);
});
