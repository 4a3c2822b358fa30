import { expect, test } from 'vitest';
import { dequantizeTensor, perChannel, perGroup, perTensor, quantizeTensor } from './index.ts';

/** Numbers that repeat from run to run: a linear congruential generator, summed to look like a bell. */
function bell(count: number, seed = 1): Float32Array {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length: count }, () => next() + next() + next() + next() - 2);
}

const int8 = { format: 'int8', symmetric: true } as const;

test('per channel on any axis has a scale per index of that axis', async () => {
  const dims = [3, 4, 5];
  const values = bell(60);
  for (const axis of [0, 1, 2]) {
    const q = await quantizeTensor(values, dims, { ...int8, granularity: perChannel(axis) });
    expect(q.scale.length).toBe(dims[axis]);
    const stride = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    const largest = new Float32Array(dims[axis]!);
    for (let i = 0; i < 60; i++) {
      const channel = Math.floor(i / stride) % dims[axis]!;
      largest[channel] = Math.max(largest[channel]!, Math.abs(values[i]!));
    }
    for (let c = 0; c < largest.length; c++) expect(q.scale[c]!).toBeCloseTo(largest[c]! / 127, 7);
    const back = dequantizeTensor(q);
    for (let i = 0; i < 60; i++) {
      const channel = Math.floor(i / stride) % dims[axis]!;
      expect(Math.abs(back[i]! - values[i]!)).toBeLessThanOrEqual(q.scale[channel]! * 0.5000001);
    }
  }
});

test('groups along an axis agree with the same groups of the transposed tensor', async () => {
  const [k, n, size] = [70, 9, 32];
  const values = bell(k * n);
  const transposed = new Float32Array(k * n);
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) transposed[j * k + i] = values[i * n + j]!;
  const scheme = { format: 'uint4', symmetric: false } as const;
  const a = await quantizeTensor(values, [k, n], { ...scheme, granularity: perGroup(0, size) });
  const b = await quantizeTensor(transposed, [n, k], { ...scheme, granularity: perGroup(1, size) });
  const groups = Math.ceil(k / size);
  expect(a.scale.length).toBe(groups * n);
  for (let j = 0; j < n; j++) {
    for (let g = 0; g < groups; g++) {
      expect(a.scale[g * n + j]).toBe(b.scale[j * groups + g]);
      expect(a.zeroPoint![g * n + j]).toBe(b.zeroPoint![j * groups + g]);
    }
    for (let i = 0; i < k; i++) expect(a.codes[i * n + j]).toBe(b.codes[j * k + i]);
  }
  expect(dequantizeTensor(a)[5 * n + 3]).toBe(dequantizeTensor(b)[3 * k + 5]);
});

test('the search beats the plain range at four bits', async () => {
  const values = bell(32 * 256);
  const scheme = { format: 'uint4', symmetric: true, granularity: perGroup(1, 32) } as const;
  const error = async (range: 'min-max' | 'mse') => {
    const back = dequantizeTensor(await quantizeTensor(values, [256, 32], scheme, { range }));
    return back.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
  };
  expect(await error('mse')).toBeLessThan(0.8 * (await error('min-max')));
});

test('a tensor without values, and a scalar', async () => {
  const empty = await quantizeTensor(new Float32Array(0), [0, 4], { ...int8, granularity: perTensor });
  expect(empty.codes.length).toBe(0);
  const scalar = await quantizeTensor(Float32Array.of(-2), [], { ...int8, granularity: perTensor });
  expect(scalar.codes[0]).toBe(-127);
});

test('what cannot be quantized is refused by name', async () => {
  const refuse = async (values: number[], dims: number[], granularity = perTensor as never) => {
    try {
      await quantizeTensor(
        Float32Array.from(values),
        dims,
        { ...int8, granularity },
        { name: 'conv1.weight' },
      );
      return 'accepted';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(await refuse([1, 2, Number.NaN], [3])).toMatchInlineSnapshot(
    `"Value 2 of conv1.weight is NaN; only finite numbers can be quantized. The training diverged or the file is damaged; mend the weight or keep this tensor float."`,
  );
  expect(await refuse([1, Number.NEGATIVE_INFINITY], [2])).toMatchInlineSnapshot(
    `"Value 1 of conv1.weight is -Infinity; only finite numbers can be quantized. The training diverged or the file is damaged; mend the weight or keep this tensor float."`,
  );
  expect(await refuse([1, 2], [3])).toMatchInlineSnapshot(
    `"conv1.weight has 2 values, but its shape [3] wants 3. Give one value per element."`,
  );
  expect(await refuse([1, 2], [2], perChannel(1) as never)).toMatchInlineSnapshot(
    `"Axis 1 of the scheme is not an axis of a tensor of shape [2]; wanted 0 to 0. Choose one of those, or per-tensor."`,
  );
  expect(await refuse([1, 2], [2], perGroup(0, 0) as never)).toMatchInlineSnapshot(
    `"Invalid typed array length: Infinity"`,
  );
});
