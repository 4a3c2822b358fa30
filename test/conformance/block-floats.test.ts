import { describe, expect, test } from 'vitest';
import { bell } from '../../src/kernels/random-values.test-data.ts';
import {
  decodeBlocks,
  dequantizeTensor,
  type FormatName,
  formats,
  type Granularity,
  type NumberFormat,
  perGroup,
  perTensor,
  quantizeTensor,
} from '../../src/numerics/index.ts';

/** Block floats against ggml's decode of the same codes, and against blocks computed by hand. */

/** ggml has no negative zero. */
const withoutSignOfZero = (values: Float32Array) => values.map((x) => x + 0);

const layoutOf = (count: number, block: number) => ({ rows: 1, length: count, block });

/** Bytes of ggml blocks: scales first, then the codes of each group in halves, low bits first. */
function ggmlBytes(scales: Uint8Array, codes: Uint8Array, group: number, groups: number): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < scales.length; at += groups) {
    bytes.push(...scales.subarray(at, at + groups));
    for (let g = at; g < at + groups; g++) {
      const own = codes.subarray(g * group, (g + 1) * group);
      for (let i = 0; i < group / 2; i++) bytes.push(own[i]! | (own[i + group / 2]! << 4));
    }
  }
  return Uint8Array.from(bytes);
}

describe.each([
  // ggml reads 255 as 2^128 and not as NaN; its NVFP4 has no NaN either.
  { name: 'mxfp4', groups: 1, scales: 255 },
  { name: 'nvfp4', groups: 4, scales: 127 },
] as const)('$name', ({ name, groups, scales }) => {
  const format: NumberFormat = formats[name];
  const block = format.block as number;

  test('every code under every scale is what ggml decodes', async () => {
    const stored = Uint8Array.from({ length: Math.ceil(scales / groups) * groups }, (_, i) => i % scales);
    const codes = Uint8Array.from({ length: stored.length * block }, (_, i) => (i * 5 + (i >> 4)) & 15);
    const ours = format.decode(
      { codes, scale: format.blockScale!.decode(stored) },
      layoutOf(codes.length, block),
    );
    const theirs = await decodeBlocks(name, ggmlBytes(stored, codes, block, groups), codes.length);
    expect(withoutSignOfZero(ours)).toEqual(withoutSignOfZero(theirs));
  });

  test('what we encode is what ggml decodes', async () => {
    const values = bell(4096, 5).map((x, i) => x * 2 ** ((i >> 6) % 9));
    const layout = layoutOf(values.length, block);
    for (const range of ['min-max', 'mse'] as const) {
      const encoded = await format.encode(values, layout, undefined, { range });
      const stored = format.blockScale!.encode(encoded.scale);
      expect(format.blockScale!.decode(stored)).toEqual(encoded.scale);
      const bytes = ggmlBytes(stored, encoded.codes as Uint8Array, block, groups);
      const theirs = await decodeBlocks(name, bytes, values.length);
      expect(withoutSignOfZero(format.decode(encoded, layout))).toEqual(withoutSignOfZero(theirs));
    }
  });
});

/** Values, the scale byte that section 6.3 of MX 1.0 gives, and what comes back, ties to even codes. */
const byHand: Record<string, { values: number[]; exponent: number; back: number[] }[]> = {
  mxfp4: [
    // floor(log2 5.3) - 2 = 0
    {
      values: [5.3, -0.26, 0.25, 0.75, 2.5, 3.5, -5, 1.25],
      exponent: 0,
      back: [6, -0.5, 0, 1, 2, 4, -4, 1],
    },
    // 7.9 saturates: the floor of the logarithm does not make room for it.
    { values: [7.9, 0.1], exponent: 0, back: [6, 0] },
    { values: [8, -1.4], exponent: 1, back: [8, -1] },
    { values: [0.09], exponent: -6, back: [0.09375] },
  ],
  mxfp8_e4m3: [
    { values: [500, 17, -0.0009], exponent: 0, back: [448, 16, -0] },
    { values: [512, 1.0625], exponent: 1, back: [512, 1] },
  ],
  mxfp8_e5m2: [{ values: [1, 0.3, 2 ** -31], exponent: -15, back: [1, 0.3125, 2 ** -31] }],
  mxfp6_e3m2: [{ values: [20, -17, 31], exponent: 0, back: [20, -16, 28] }],
  mxfp6_e2m3: [{ values: [1, 0.3, -0.03125, 0.046875], exponent: -2, back: [1, 0.3125, -0.03125, 0.0625] }],
  mxint8: [
    {
      values: [1.99, -1, 1 / 128, 3 / 128, -2 + 1 / 64],
      exponent: 0,
      back: [127 / 64, -1, 0, 2 / 64, -127 / 64],
    },
    { values: [100, -0.5, 50.5], exponent: 6, back: [100, 0, 50] },
  ],
};

describe.each(Object.entries(byHand))('%s by hand', (name, cases) => {
  test.each(cases)('$values', async ({ values, exponent, back }) => {
    const format: NumberFormat = formats[name as FormatName];
    const x = new Float32Array(32);
    x.set(values);
    const q = await quantizeTensor(x, [32], {
      format: name as FormatName,
      granularity: perGroup(0, 32),
      symmetric: true,
    });
    expect([...format.blockScale!.encode(q.scale)]).toEqual([127 + exponent]);
    expect([...dequantizeTensor(q).subarray(0, values.length)].map((v) => v + 0)).toEqual(
      back.map((v) => v + 0),
    );
  });
});

test('zeros, the smallest and the largest floats', async () => {
  for (const name of Object.keys(byHand)) {
    const format: NumberFormat = formats[name as FormatName];
    for (const [x, byte] of [
      [0, 127],
      [2 ** -149, 0],
    ] as const) {
      const { scale } = format.fit(new Float32Array(32).fill(x));
      expect([...format.blockScale!.encode(Float32Array.of(scale))]).toEqual([byte]);
    }
    const layout = layoutOf(32, 32);
    const largest = new Float32Array(32).fill(3.4028234663852886e38);
    const back = format.decode(await format.encode(largest, layout), layout);
    expect(back.every(Number.isFinite)).toBe(true);
  }
});

test('NVFP4 has the scale of the tensor above those of the blocks', async () => {
  const format: NumberFormat = formats.nvfp4;
  // 2688 = 6 x 448: the tensor's scale is 0.5 and the largest block has the largest scale of E4M3.
  const values = new Float32Array(48);
  values.set([1344, -112]);
  values.set([3, -1, 0.25], 16);
  const q = await quantizeTensor(values, [48], {
    format: 'nvfp4',
    granularity: perGroup(0, 16),
    symmetric: true,
  });
  expect(q.tensorScale).toBe(0.5);
  // 448; then 3 / 6 / 0.5 = 1; a block of zeros has the smallest scale.
  expect([...format.blockScale!.encode(q.scale, q.tensorScale)]).toEqual([0x7e, 0x38, 0x01]);
  expect([...q.scale]).toEqual([224, 0.5, 2 ** -10]);
  expect([...format.blockScale!.decode(Uint8Array.of(0x7e, 0x38, 1), 0.5)]).toEqual([...q.scale]);
  const back = dequantizeTensor(q);
  expect([...back.subarray(0, 2), ...back.subarray(16, 19), back[47]]).toEqual([1344, -112, 3, -1, 0.25, 0]);
});

test('scales of other blocks are refused', async () => {
  const refusal = (granularity: Granularity) =>
    quantizeTensor(new Float32Array(64), [64], { format: 'mxfp4', granularity, symmetric: true }).then(
      () => 'taken',
      (error: Error) => error.message,
    );
  expect(await refusal(perGroup(0, 32))).toBe('taken');
  expect([await refusal(perTensor), await refusal(perGroup(0, 64))]).toMatchInlineSnapshot(`
    [
      "Format mxfp4 has blocks of 32 values that share a scale; the scheme asks for scales per-tensor. Use groups of 32 along an axis.",
      "Format mxfp4 has blocks of 32 values that share a scale; the scheme asks for scales per-group of 64. Use groups of 32 along an axis.",
    ]
  `);
});

/** Squared error of a format on some values, weighted. */
async function errorOf(
  name: FormatName,
  values: Float32Array,
  range: 'min-max' | 'mse',
  weights?: Float32Array,
) {
  const format: NumberFormat = formats[name];
  const layout = layoutOf(values.length, format.block === 'free' ? 64 : format.block);
  const tensorScale = format.tensorScale?.(values);
  const choice = { range, ...(tensorScale !== undefined && { tensorScale }) };
  const back = format.decode(await format.encode(values, layout, weights, choice), layout);
  return back.reduce((sum, x, i) => sum + (weights?.[i] ?? 1) * (x - values[i]!) ** 2, 0);
}

test('least squared error never exceeds that of the full range, and is far below it for few levels', async () => {
  const values = bell(1 << 13, 11, 1e9);
  const importance = bell(values.length, 12).map((x) => x * x);
  const gains: Record<string, number> = {};
  for (const name of Object.keys(formats) as FormatName[]) {
    const { kind, family, scaled, bits }: NumberFormat = formats[name];
    if (!scaled || bits > 8 || (kind === 'integer' && family !== 'block-float') || kind === 'book') continue;
    for (const weights of [undefined, importance]) {
      const [full, least] = [
        await errorOf(name, values, 'min-max', weights),
        await errorOf(name, values, 'mse', weights),
      ];
      expect(least, name).toBeLessThanOrEqual(full);
      if (!weights) gains[name] = 1 - least / full;
    }
  }
  // The parts of the error that it saves on a bell in blocks of 64, 32 (MX) and 16 (NVFP4).
  for (const [name, part] of Object.entries({ nf4: 0.1, e2m1: 0.1, mxfp4: 0.01, nvfp4: 0.15 }))
    expect(gains[name], name).toBeGreaterThan(part);
});
