import { expect, test } from 'vitest';
import { bell } from '../../kernels/random-values.test-data.ts';
import {
  compositeBits,
  compositeError,
  type DoubleQuantization,
  decodeScales,
  dequantizeComposite,
  dequantizeTensor,
  type FormatName,
  formats,
  perBlock,
  perChannel,
  perGroup,
  quantizationError,
  quantizeComposite,
  quantizeTensor,
} from '../index.ts';
import { quantizeScales } from './quantize-scales.ts';

const qlora = { format: 'dynamic8', block: 256, removeMean: true } as const;
const nf4 = { format: 'nf4', symmetric: true, granularity: perGroup(1, 4) } as const;

/**
 * QLoRA, section 3, by hand. Blocks of 4 whose largest magnitudes are 1, 2, 3 and 6: the scales. Their mean 3 is
 * taken off: -2, -1, 0, 3. The largest magnitude of these is 3, the second-level scale: -2/3, -1/3, 0, 1 remain.
 * The largest decade of the dynamic map has 64 levels in the middle of 64 parts of [0.1, 1]: 0.1 + 0.9 (k + 0.5) / 64.
 * The nearest ones are -(0.1 + 0.9 x 40.5 / 64) = -0.66953125 and -(0.1 + 0.9 x 16.5 / 64) = -0.33203125; 0 and 1 are
 * levels of their own. Times 3, plus 3: 0.99140625, 2.00390625, 3, 6.
 */
test("QLoRA's double quantization by hand", async () => {
  const values = Float32Array.of(1, 0.855, -0.4, 0, -2, 1, 0.5, 0.1, 3, -3, 1, 2, 6, 1, -1, 0.3);
  const q = await quantizeComposite(values, [4, 4], { ...nf4, double: qlora });
  const first = await quantizeTensor(values, [4, 4], nf4);
  expect([...first.scale]).toEqual([1, 2, 3, 6]);
  expect(q.scales!.mean).toBe(3);
  expect([...q.scales!.codes.scale]).toEqual([3]);
  const levels = formats.dynamic8.table!();
  expect([...q.scales!.codes.codes].map((code) => levels[code])).toEqual(
    [-0.66953125, -0.33203125, 0, 1].map(Math.fround),
  );
  const wanted = [0.99140625, 2.00390625, 3, 6];
  for (const [i, scale] of decodeScales(q.scales!).entries()) expect(scale).toBeCloseTo(wanted[i]!, 6);
  expect(q.base.scale).toEqual(decodeScales(q.scales!));

  // Half way between NF4's upper levels 0.72295684 and 1 lies 0.86147842: 0.855 is below, 0.855 / 0.9914 above.
  expect([first.codes[1], q.base.codes[1]]).toEqual([14, 15]);
  const kept = await quantizeComposite(values, [4, 4], { ...nf4, double: qlora }, { codes: 'first' });
  expect(kept.base.codes).toEqual(first.codes);
  expect(kept.base.scale).toEqual(q.base.scale);
  expect(compositeError(values, q).mse).toBeLessThan(compositeError(values, kept).mse);

  // 16 codes of 4 bits; 4 scales of 8 bits, one second-level scale and the mean in float32.
  expect(compositeBits(q)).toMatchObject({ codes: 64, scales: 4 * 8 + 32 + 32, total: 160 });
});

test('blocks of 64 and 256 cost 4.127 bits per weight, as the paper says', async () => {
  const values = bell(256 * 64 * 4);
  const scheme = { ...nf4, granularity: perGroup(1, 64), double: qlora };
  const { perWeight } = compositeBits(await quantizeComposite(values, [256, 256], scheme));
  // 4 + 8 / 64 + 32 / (64 x 256), and here 32 bits of mean for 65536 values.
  expect(perWeight).toBe(4 + 8 / 64 + 32 / (64 * 256) + 32 / 65536);
});

test('the mean leaves less to quantize: scales come closer with it than without', async () => {
  const scales = bell(3000, 5).map((x) => 1 + 0.1 * x);
  const error = async (removeMean: boolean) => {
    const back = decodeScales(await quantizeScales(scales, { ...qlora, removeMean }));
    return back.reduce((sum, x, i) => sum + (x - scales[i]!) ** 2, 0);
  };
  expect(await error(true)).toBeLessThan((await error(false)) / 4);
});

test('scales of any format, block and granularity: codes are the nearest ones under the decoded scales', async () => {
  const dims = [24, 40];
  const values = bell(960, 9);
  for (const format of ['int4', 'uint4', 'int8', 'uint3', 'nf4', 'e4m3fn', 'e2m1'] as const) {
    for (const symmetric of [true, false]) {
      for (const granularity of [perGroup(0, 5), perGroup(1, 16), perChannel(1), perBlock(7, 9)]) {
        for (const double of [
          qlora,
          { format: 'int8', block: 7, removeMean: false },
          { format: 'uint8', block: 32, removeMean: false, symmetric: false },
          { format: 'e4m3fn', block: 1000, removeMean: false },
        ] as const) {
          const scheme = { format, symmetric, granularity };
          const q = await quantizeComposite(values, dims, { ...scheme, double });
          const first = await quantizeTensor(values, dims, scheme);
          expect(q.base.scale).toEqual(decodeScales(q.scales!));
          expect(q.base.zeroPoint).toEqual(first.zeroPoint);
          // Each code is nearest: no value comes closer by the codes of the exact scales.
          const back = dequantizeComposite(q);
          const kept = dequantizeTensor({ ...first, scale: q.base.scale });
          let farther = 0;
          for (let i = 0; i < 960; i++) {
            const gained = Math.abs(values[i]! - back[i]!) - Math.abs(values[i]! - kept[i]!);
            if (gained > 1e-6 * Math.abs(values[i]!)) farther++;
          }
          expect(farther, `${format} ${JSON.stringify({ symmetric, granularity, double })}`).toBe(0);
        }
      }
    }
  }
});

test('the codes under exact scales are those of the first quantization', async () => {
  const values = bell(960, 11);
  for (const format of ['int4', 'uint5', 'nf4', 'e5m2'] as const) {
    const scheme = { format, symmetric: false, granularity: perGroup(1, 16) };
    // float16 codes of scales that are float16 already: nothing is lost.
    const exact = { ...scheme, scaleType: 'float16' } as const;
    const double = { format: 'float16', block: 64, removeMean: false } as const;
    const q = await quantizeComposite(values, [24, 40], { ...exact, double });
    const first = await quantizeTensor(values, [24, 40], exact);
    expect(q.base.codes).toEqual(first.codes);
    expect(compositeError(values, q)).toEqual(quantizationError(values, first));
  }
});

test('scales that vanish make their block zero', async () => {
  // The second-level scale is 1e30: 1e-8 has no code but 0.
  const values = Float32Array.of(1e30, -1e30, 1e-8, 2e-8);
  for (const format of ['int4', 'uint4', 'nf4', 'e2m1'] as const) {
    const scheme = { format, symmetric: true, granularity: perGroup(0, 2) };
    const double = { format: 'int8', block: 256, removeMean: false } as const;
    const back = dequantizeComposite(await quantizeComposite(values, [4], { ...scheme, double }));
    expect([...back.subarray(2)].map(Math.abs)).toEqual([0, 0]);
    expect(back[0]!).toBeGreaterThan(0.8e30);
  }
});

test('what has no scales to quantize is refused', async () => {
  const refusal = (format: FormatName, double: DoubleQuantization = qlora) =>
    quantizeComposite(
      new Float32Array(32),
      [32],
      { format, symmetric: true, granularity: perGroup(0, 32), double },
      { name: 'w' },
    ).then(
      () => 'taken',
      (error: Error) => error.message,
    );
  expect([
    await refusal('float16'),
    await refusal('kmeans4'),
    await refusal('mxfp4'),
    await refusal('int4', { ...qlora, format: 'mxint8' }),
    await refusal('int4', { ...qlora, block: 0 }),
  ]).toMatchInlineSnapshot(`
    [
      "The parts of the scheme do not fit w: float16 has no scales that could be quantized. Change that part or leave it out.",
      "The parts of the scheme do not fit w: kmeans4 has no scales that could be quantized. Change that part or leave it out.",
      "The parts of the scheme do not fit w: mxfp4 has scales of few bits already. Change that part or leave it out.",
      "The parts of the scheme do not fit w: scales cannot be kept in mxint8, whose blocks are of a size of its own. Change that part or leave it out.",
      "Group size 0 of the scheme is not a positive integer. Use 32, 64 or 128.",
    ]
  `);
});
