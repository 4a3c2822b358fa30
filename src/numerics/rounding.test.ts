import { describe, expect, test } from 'vitest';
import { bell } from '../kernels/random-values.test-data.ts';
import {
  dequantizeTensor,
  type FormatName,
  formats,
  type NumberFormat,
  perChannel,
  perGroup,
  perTensor,
  quantizeTensor,
  type Scheme,
} from './index.ts';

const uniform = ['int4', 'uint8', 'int12', 'midrise4', 'deadzone5'] as const satisfies FormatName[];
const tensorOf = (format: FormatName): Scheme => ({ format, granularity: perTensor, symmetric: true });

test('ties: to the even code, or away from zero', async () => {
  // The largest value is on code 7, the scale is 1.
  const values = Float32Array.of(7, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997);
  const codes = async (rounding: Scheme['rounding']) => [
    ...(await quantizeTensor(values, [8], { ...tensorOf('int4'), rounding }, { range: 'min-max' })).codes,
  ];
  expect(await codes('half-even')).toEqual([7, 0, 2, 2, 0, -2, -2, 0]);
  expect(await codes('half-away')).toEqual([7, 1, 2, 3, -1, -2, -3, 0]);
});

describe.each(uniform)('stochastic: %s', (format) => {
  const dims = [96, 1200];
  const values = bell(96 * 1200, 5);
  const scheme: Scheme = { format, granularity: perChannel(0), symmetric: true, rounding: 'stochastic' };

  test('the same codes however the tensor is cut into tiles, others with another seed', async () => {
    const whole = await quantizeTensor(values, dims, scheme, { range: 'min-max' });
    // Row after row by hand: each knows only its place.
    const row: NumberFormat = formats[format];
    for (const r of [0, 1, 54, 55, 95]) {
      const part = values.subarray(r * 1200, (r + 1) * 1200);
      const layout = { rows: 1, length: 1200, block: 1200 };
      const choice = { ...scheme, range: 'min-max', firstValue: r * 1200 } as const;
      const encoded = await row.encode(part, layout, undefined, choice);
      expect(encoded.codes).toEqual(whole.codes.subarray(r * 1200, (r + 1) * 1200));
    }
    const again = await quantizeTensor(values, dims, scheme, { range: 'min-max' });
    expect(again.codes).toEqual(whole.codes);
    const other = await quantizeTensor(values, dims, { ...scheme, seed: 1 }, { range: 'min-max' });
    expect(other.codes).not.toEqual(whole.codes);
  });

  test('right on average, where there is no dead zone', async () => {
    if (format.startsWith('deadzone')) return;
    const many = new Float32Array(20_000).fill(0.3);
    many[0] = 1;
    const q = await quantizeTensor(
      many,
      [20_000],
      { ...scheme, granularity: perTensor },
      { range: 'min-max' },
    );
    const back = dequantizeTensor(q).subarray(1);
    const mean = back.reduce((a, b) => a + b, 0) / back.length;
    // Five standard deviations of the mean of so many draws, each within one step.
    expect(Math.abs(mean - 0.3)).toBeLessThan(
      (5 * 0.5 * Math.abs(q.scale[0]!)) / Math.sqrt(back.length) + 1e-6,
    );
  });
});

describe.each(uniform)('up or down as told: %s', (format) => {
  test('a value moves to the level below or above it', async () => {
    const dims = [12, 50];
    const values = bell(600, 8);
    const scheme: Scheme = { format, granularity: perGroup(0, 5), symmetric: true };
    const run = async (roundUp: Uint8Array) =>
      dequantizeTensor(await quantizeTensor(values, dims, scheme, { range: 'min-max', roundUp }));
    const down = await run(new Uint8Array(600));
    const up = await run(new Uint8Array(600).fill(1));
    const mixed = await run(Uint8Array.from({ length: 600 }, (_, i) => i % 2));
    expect(mixed).toEqual(up.map((x, i) => (i % 2 ? x : down[i]!)));
    let between = 0;
    for (let i = 0; i < 600; i++) {
      const [a, b] = [Math.min(down[i]!, up[i]!), Math.max(down[i]!, up[i]!)];
      if (a <= values[i]! && values[i]! <= b && a < b) between++;
    }
    // All but what lies beyond the outermost level, on a level or in a dead zone.
    expect(between).toBeGreaterThan(format.startsWith('deadzone') ? 400 : 480);
  });
});

test('a real zero point: the range need not hold 0', async () => {
  const values = bell(4096, 3).map((x) => x / 10 + 7);
  const error = async (zero: Scheme['zero']) => {
    const scheme: Scheme = { format: 'uint4', granularity: perGroup(0, 64), symmetric: false, zero };
    const q = await quantizeTensor(values, [4096], scheme, { range: 'min-max' });
    expect(q.realZero !== undefined).toBe(zero === 'real');
    expect(q.zeroPoint === undefined).toBe(zero === 'real');
    return dequantizeTensor(q).reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
  };
  expect(await error('real')).toBeLessThan((await error('integer')) / 20);
});

test('what cannot be rounded so is refused by name', async () => {
  const scheme: Scheme = { format: 'nf4', granularity: perTensor, symmetric: true };
  await expect(
    quantizeTensor(new Float32Array(8), [8], { ...scheme, rounding: 'stochastic' }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: Format nf4 rounds to its nearest level only, not by 'stochastic': other roundings need evenly spaced levels. Leave rounding out, or choose a uniform format: int, uint, midrise or deadzone.]`,
  );
  await expect(
    quantizeTensor(new Float32Array(8), [8], tensorOf('int8'), { roundUp: new Uint8Array(7) }),
  ).rejects.toMatchObject({ code: 'numerics/value-count', details: { name: 'rounding of tensor' } });
});
