import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openFile } from '../../src/files/index.ts';
import { loadWeight, readOnnx } from '../../src/graph/index.ts';
import { rtn } from '../../src/methods/index.ts';
import { perChannel, perGroup, type RangeSearch, type Scheme } from '../../src/numerics/index.ts';

/**
 * What rounding costs the 25 matrices of a trained text encoder, as noise / signal. The references are the ranges that
 * ONNX Runtime's own weight quantizers take: the largest value on -8 (symmetric), min and max on 0 and 15 (asymmetric).
 */
const file = join(
  process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../../shared/assets'),
  'sst2-encoder/model.onnx',
);

/** Ceilings a little above what was measured: a change that costs quality must say so here. */
const CEILING = {
  'q4 symmetric, block 32': 6.85e-3,
  'q4 asymmetric, block 32': 6.05e-3,
  'q4 asymmetric, block 128': 9.5e-3,
  'q2 asymmetric, block 64': 0.127,
  'int8 per channel, searched': 5.5e-5,
};

interface Matrix {
  readonly values: Float32Array; // [k, n], as MatMul stores it
  readonly dims: readonly number[];
}

describe.skipIf(!existsSync(file))('sst2-encoder (skipped where LOWBIT_ASSETS is absent)', () => {
  const matrices: Matrix[] = [];
  beforeAll(async () => {
    const model = await readOnnx(await openFile(file));
    for (const node of model.graph.nodes) {
      const weight = model.graph.constant(node.inputs[1] ?? '');
      if (!['MatMul', 'Gemm'].includes(node.op) || weight?.dims.length !== 2) continue;
      const { data, dims } = await loadWeight(weight);
      if (data.length >= 4096) matrices.push({ values: data as Float32Array, dims });
    }
  });

  async function cost(scheme: Scheme, range: RangeSearch): Promise<number> {
    let signal = 0;
    let noise = 0;
    for (const { values, dims } of matrices) {
      const { diagnostics } = await rtn({ weight: values, dims, scheme, range });
      noise += diagnostics.mse * values.length;
      signal += values.reduce((sum, x) => sum + x * x, 0);
    }
    return noise / signal;
  }

  const schemes: Record<keyof typeof CEILING, Scheme> = {
    'q4 symmetric, block 32': { format: 'uint4', symmetric: true, granularity: perGroup(0, 32) },
    'q4 asymmetric, block 32': { format: 'uint4', symmetric: false, granularity: perGroup(0, 32) },
    'q4 asymmetric, block 128': { format: 'uint4', symmetric: false, granularity: perGroup(0, 128) },
    'q2 asymmetric, block 64': { format: 'uint2', symmetric: false, granularity: perGroup(0, 64) },
    'int8 per channel, searched': { format: 'int8', symmetric: true, granularity: perChannel(1) },
  };
  test.each(Object.entries(schemes))('%s', async (name, scheme) => {
    expect(matrices.length).toBe(25);
    const searched = await cost(scheme, 'mse');
    expect(searched).toBeLessThan(CEILING[name as keyof typeof CEILING]);
    expect(searched).toBeLessThan(await cost(scheme, 'min-max'));
  });

  test('q4 loses less than with the largest value on -8', async () => {
    const reference = noiseOfLargestOnLowest(matrices);
    expect(await cost(schemes['q4 symmetric, block 32'], 'mse')).toBeLessThan(0.9 * reference);
    expect(await cost(schemes['q4 asymmetric, block 32'], 'mse')).toBeLessThan(0.8 * reference);
  });
});

/** noise / signal of 4-bit blocks of 32 whose scale is the value of largest magnitude, over -8. */
function noiseOfLargestOnLowest(matrices: readonly Matrix[]): number {
  let signal = 0;
  let noise = 0;
  for (const { values, dims } of matrices) {
    const [k, n] = dims as [number, number];
    for (let column = 0; column < n; column++) {
      for (let start = 0; start < k; start += 32) {
        const block = Array.from(
          { length: Math.min(32, k - start) },
          (_, i) => values[(start + i) * n + column]!,
        );
        const largest = block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
        const scale = Math.fround(largest / -8) || 1;
        for (const x of block) {
          const code = Math.max(-8, Math.min(7, Math.round(x / scale)));
          noise += (x - code * scale) ** 2;
          signal += x * x;
        }
      }
    }
  }
  return noise / signal;
}
