import { expect, test } from 'vitest';
import { bell } from '../kernels/random-values.test-data.ts';
import { dequantizeTensor, perChannel, perGroup } from '../numerics/index.ts';
import { type Method, methods, rtn } from './index.ts';

test('diagnostics are those of the codes it gives', async () => {
  const weight = bell(48 * 64);
  const scheme = { format: 'int8', granularity: perChannel(0), symmetric: true } as const;
  const { quantized, diagnostics } = await rtn({ weight, dims: [48, 64], scheme });
  const back = dequantizeTensor(quantized);
  const noise = weight.reduce((sum, x, i) => sum + (x - back[i]!) ** 2, 0);
  const signal = weight.reduce((sum, x) => sum + x * x, 0);
  expect(diagnostics.mse).toBeCloseTo(noise / weight.length, 12);
  expect(diagnostics.sqnrDb).toBeCloseTo(10 * Math.log10(signal / noise), 6);
  expect(diagnostics.maxError).toBe(weight.reduce((m, x, i) => Math.max(m, Math.abs(x - back[i]!)), 0));
  expect(diagnostics.sqnrDb).toBeGreaterThan(35);
});

test('importance moves the fit towards what counts', async () => {
  const weight = bell(64 * 128, 3);
  const importance = weight.map((_, i) => (i % 128 < 16 ? 50 : 1));
  const scheme = { format: 'uint4', granularity: perGroup(1, 32), symmetric: true } as const;
  const errorOf = async (given?: Float32Array) => {
    const { quantized } = await rtn({ weight, dims: [64, 128], scheme, importance: given });
    const back = dequantizeTensor(quantized);
    return weight.reduce((sum, x, i) => sum + importance[i]! * (x - back[i]!) ** 2, 0);
  };
  expect(await errorOf(importance)).toBeLessThan(0.9 * (await errorOf()));
});

test('an abort is obeyed', async () => {
  const signal = AbortSignal.abort();
  const scheme = { format: 'int8', granularity: perChannel(0), symmetric: true } as const;
  await expect(rtn({ weight: bell(4), dims: [2, 2], scheme }, { signal })).rejects.toMatchObject({
    code: 'run/aborted',
  });
});

test('every method says what it is and what it needs', () => {
  for (const method of Object.values<Method>(methods)) {
    expect(method.description).toMatch(/\.$/);
    expect(method.paper).not.toBe('');
  }
});
