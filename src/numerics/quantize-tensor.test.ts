import { expect, test } from 'vitest';
import { bell } from '../kernels/random-values.test-data.ts';
import { dequantizeTensor, perChannel, perGroup, perTensor, quantizeTensor } from './index.ts';

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
  for (const [k, n] of [
    [70, 9],
    [300, 500],
  ] as const)
    await compare(k, n, 32);
});

/** The second shape takes more than one tile of rows. */
async function compare(k: number, n: number, size: number): Promise<void> {
  const values = bell(k * n);
  const transposed = new Float32Array(k * n);
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) transposed[j * k + i] = values[i * n + j]!;
  const scheme = { format: 'uint4', symmetric: false } as const;
  const a = await quantizeTensor(values, [k, n], { ...scheme, granularity: perGroup(0, size) });
  const b = await quantizeTensor(transposed, [n, k], { ...scheme, granularity: perGroup(1, size) });
  const groups = Math.ceil(k / size);
  expect(a.scale.length).toBe(groups * n);
  let fails = 0;
  for (let j = 0; j < n; j++) {
    for (let g = 0; g < groups; g++) {
      if (a.scale[g * n + j] !== b.scale[j * groups + g]) fails++;
      if (a.zeroPoint![g * n + j] !== b.zeroPoint![j * groups + g]) fails++;
    }
    for (let i = 0; i < k; i++) if (a.codes[i * n + j] !== b.codes[j * k + i]) fails++;
  }
  const [back, transposedBack] = [dequantizeTensor(a), dequantizeTensor(b)];
  for (let j = 0; j < n; j++)
    for (let i = 0; i < k; i++) if (back[i * n + j] !== transposedBack[j * k + i]) fails++;
  expect(fails).toBe(0);
}

test('channels in the middle of a big tensor', async () => {
  const dims = [40, 30, 100];
  const values = bell(120_000, 5);
  const q = await quantizeTensor(values, dims, { ...int8, granularity: perChannel(1) });
  let wrong = 0;
  for (let i = 0; i < values.length; i++) {
    const step = q.scale[Math.floor(i / 100) % 30]!;
    if (q.codes[i] !== Math.round(values[i]! / step) && Math.abs((values[i]! / step) % 1) < 0.499) wrong++;
  }
  expect(wrong).toBe(0);
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
    `"Group size 0 of the scheme is not a positive integer. Use 32, 64 or 128."`,
  );
});
