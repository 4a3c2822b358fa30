import { expect, test } from 'vitest';
import { bell } from '../../kernels/random-values.test-data.ts';
import {
  type CompositeScheme,
  compositeBits,
  compositeError,
  dequantizeComposite,
  dequantizeTensor,
  perGroup,
  quantizationError,
  quantizeComposite,
  quantizeTensor,
} from '../index.ts';

const dims = [48, 160];
const values = bell(48 * 160, 3);
const int4 = { format: 'int4', symmetric: true, granularity: perGroup(1, 32) } as const;

test('without parts it is quantizeTensor', async () => {
  const composite = await quantizeComposite(values, dims, int4);
  const plain = await quantizeTensor(values, dims, int4);
  expect(composite).toEqual({ scheme: int4, base: plain });
  expect(dequantizeComposite(composite)).toEqual(dequantizeTensor(plain));
  expect(compositeError(values, composite)).toEqual(quantizationError(values, plain));
  expect(compositeBits(composite)).toEqual({
    codes: 4 * 7680,
    scales: 32 * 240,
    zeroPoints: 0,
    books: 0,
    outliers: 0,
    lowRank: 0,
    total: 4 * 7680 + 32 * 240,
    perWeight: 5,
  });
});

test('all parts together: each bit is counted, and the error is that of the sum', async () => {
  const scheme: CompositeScheme = {
    ...int4,
    symmetric: false,
    double: { format: 'int8', block: 64, removeMean: true },
    outliers: { by: 'count', part: 0.01 },
    lowRank: { rank: 3 },
  };
  const q = await quantizeComposite(values, dims, scheme);
  const back = dequantizeComposite(q);
  const noise = values.reduce((sum, x, i) => sum + (x - back[i]!) ** 2, 0);
  expect(compositeError(values, q).mse).toBeCloseTo(noise / 7680, 12);
  const bits = {
    codes: 4 * 7680,
    scales: 8 * 240 + 32 * 4 + 32,
    zeroPoints: 4 * 240,
    books: 0,
    outliers: 77 * (32 + 16),
    lowRank: 16 * 3 * (48 + 160),
  };
  const total = Object.values(bits).reduce((a, b) => a + b, 0);
  expect(compositeBits(q)).toEqual({ ...bits, total, perWeight: total / 7680 });
  for (const i of q.outliers!.at) expect(back[i]!).toBeCloseTo(values[i]!, 2);
});
