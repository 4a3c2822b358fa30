import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Cells,
  type CentredSpec,
  centredReach,
  type FitSpec,
  type Kernels,
  kernels,
  referenceKernels,
} from './index.ts';
import { awkwardFloats, bell } from './random-values.test-data.ts';

let simd: Kernels;
beforeAll(async () => {
  simd = await kernels();
});

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
const ratios = Float32Array.from({ length: 5 }, (_, i) => 1.1 - 0.1 * i);

const specs: Record<string, FitSpec> = {
  'int8 symmetric, full range': {
    minCode: -128,
    maxCode: 127,
    zeroPoint: 0,
    signedScale: false,
    ratios: new Float32Array(0),
  },
  'uint8 asymmetric, full range': {
    minCode: 0,
    maxCode: 255,
    signedScale: false,
    ratios: new Float32Array(0),
  },
  'uint16 asymmetric, full range': {
    minCode: 0,
    maxCode: 65535,
    signedScale: false,
    ratios: new Float32Array(0),
  },
  'int8 symmetric, searched': { minCode: -127, maxCode: 127, zeroPoint: 0, signedScale: false, ratios },
  'uint4 symmetric, searched': { minCode: 0, maxCode: 15, zeroPoint: 8, signedScale: true, ratios },
  'uint4 asymmetric, searched': { minCode: 0, maxCode: 15, signedScale: false, ratios },
  'int2 symmetric, searched': { minCode: -2, maxCode: 1, zeroPoint: 0, signedScale: true, ratios },
  'int1 symmetric, full range': {
    minCode: -1,
    maxCode: 0,
    zeroPoint: 0,
    signedScale: true,
    ratios: new Float32Array(0),
  },
  'uint1 symmetric, searched': { minCode: 0, maxCode: 1, zeroPoint: 1, signedScale: true, ratios },
  'int1 asymmetric, searched': { minCode: -1, maxCode: 0, signedScale: false, ratios },
  'uint5 asymmetric, searched': { minCode: 0, maxCode: 31, signedScale: false, ratios },
};

/** What a search may trip over, one kind per row: zeros, one sign only, constants, subnormals, huge values. */
const rowKinds: readonly ((x: number, i: number) => number)[] = [
  (x) => x,
  () => 0,
  (x) => Math.abs(x) + 3,
  () => -0.7,
  (x) => x * 1e-44,
  (x) => Math.max(-3.4e38, Math.min(3.4e38, x * 2e38)),
  (x) => x * 1e-30,
  (_, i) => (i % 2 ? -1 : 1),
  (x) => x * 1e-33,
];

function hardRows(rows: number, length: number): Float32Array {
  const values = bell(rows * length, rows * 31 + length);
  return values.map((x, i) => rowKinds[Math.floor(i / length) % rowKinds.length]!(x, i));
}

describe.each(Object.entries(specs))('affine, %s', (_, spec) => {
  test.each([
    [9, 1, 1],
    [13, 7, 3],
    [10, 64, 32],
    [11, 70, 32],
    [5, 33, 64],
    [4, 129, 16],
    [19, 5, 2],
  ])('%i rows of %i in blocks of %i', (rows, length, block) => {
    const layout = { rows, length, block };
    const values = hardRows(rows, length);
    const weights = bell(values.length, 5).map((x) => x * x);
    const count = rows * Math.ceil(length / block);
    for (const importance of [undefined, weights, new Float32Array(values.length)]) {
      const run = (k: Kernels) => {
        const scale = new Float32Array(count);
        const zero = new Float32Array(count);
        k.affine.fit(values, importance, layout, spec, scale, zero);
        const outputs = [new Int16Array(values.length), new Uint16Array(values.length)];
        if (spec.maxCode <= 255)
          outputs.push(new Int8Array(values.length) as never, new Uint8Array(values.length) as never);
        for (const codes of outputs) k.affine.quantize(values, layout, scale, zero, spec, codes);
        return { scale: bitsOf(scale), zero, outputs };
      };
      const wanted = run(referenceKernels);
      const got = run(simd);
      expect(got.scale).toEqual(wanted.scale);
      expect(got.zero).toEqual(wanted.zero);
      const [minimum, maximum] = [spec.minCode, spec.maxCode];
      for (const [i, codes] of wanted.outputs.entries()) {
        // An array that cannot hold the codes of this spec says nothing.
        const [low, high] = [
          [-32768, 32767],
          [0, 65535],
          [-128, 127],
          [0, 255],
        ][i]!;
        if (minimum >= low! && maximum <= high!) expect(got.outputs[i]).toEqual(codes);
      }
      for (const s of new Float32Array(wanted.scale.buffer)) expect(Number.isFinite(s) && s !== 0).toBe(true);
    }
  });
});

test('affine tiles: long rows, long blocks, many rows', () => {
  const spec = specs['uint4 asymmetric, searched']!;
  const plain = specs['int8 symmetric, full range']!;
  for (const [rows, length, block, used] of [
    [1, 70_001, 32, spec],
    [2, 70_001, 70_001, plain],
    [3, 66_000, 33_000, plain],
    [700, 100, 100, plain],
  ] as const) {
    const values = bell(rows * length, 3);
    const layout = { rows, length, block };
    const count = rows * Math.ceil(length / block);
    const run = (k: Kernels) => {
      const scale = new Float32Array(count);
      const zero = new Float32Array(count);
      k.affine.fit(values, undefined, layout, used, scale, zero);
      const codes = new Int8Array(values.length);
      k.affine.quantize(values, layout, scale, zero, used, codes);
      return { scale, zero, codes };
    };
    const [got, wanted] = [run(simd), run(referenceKernels)];
    expect(Buffer.compare(Buffer.from(got.codes.buffer), Buffer.from(wanted.codes.buffer))).toBe(0);
    expect(Buffer.compare(Buffer.from(got.scale.buffer), Buffer.from(wanted.scale.buffer))).toBe(0);
    expect(Buffer.compare(Buffer.from(got.zero.buffer), Buffer.from(wanted.zero.buffer))).toBe(0);
  }
});

const centredSpecs: Record<string, CentredSpec> = {};
for (const shape of ['rise', 'dead-zone'] as const) {
  for (const [top, rounds, looks, passes] of [
    [0, 0, 0, 1],
    [1, 2, 1, 1],
    [7, 3, 0, 0],
    [127, 1, 2, 3],
  ] as const) {
    // A dead zone of one cell has no level to put a value on.
    if (shape === 'dead-zone' && top === 0) continue;
    for (const margin of shape === 'rise' ? [0] : [0.5, 0.3]) {
      const name = `${shape} up to ${top}, margin ${margin}, ${rounds} + ${looks} rounds, ${passes} passes`;
      centredSpecs[name] = { shape, top, margin, narrowest: 1.7, widest: 1.06, rounds, looks, passes };
    }
  }
}

describe.each(Object.entries(centredSpecs))('centred, %s', (_, spec) => {
  test.each([
    [9, 1, 1],
    [13, 7, 3],
    [10, 64, 32],
    [11, 70, 32],
    [5, 33, 64],
    [4, 129, 16],
    [19, 5, 2],
    [1, 70_001, 33],
    [700, 100, 100],
  ])('%i rows of %i in blocks of %i', (rows, length, block) => {
    const layout = { rows, length, block };
    const values = hardRows(rows, length);
    const weights = bell(values.length, 5).map((x) => x * x);
    const onTheLeast = weights.map((w, i) => (Math.abs(values[i]!) < 0.5 ? w : 0));
    for (const importance of [undefined, weights, onTheLeast, new Float32Array(values.length)]) {
      const run = (k: Kernels) => {
        const scale = new Float32Array(rows * Math.ceil(length / block));
        k.centred.fit(values, importance, layout, spec, scale);
        return scale;
      };
      const [got, wanted] = [run(simd), run(referenceKernels)];
      expect(Buffer.compare(Buffer.from(got.buffer), Buffer.from(wanted.buffer))).toBe(0);
      const outermost = Math.max(1, centredReach(spec));
      for (const s of got) expect(s > 0 && Number.isFinite(Math.fround(s * outermost))).toBe(true);
    }
  });
});

test('centred: a block longer than a tile', () => {
  const values = bell(70_001, 3);
  const layout = { rows: 1, length: values.length, block: values.length };
  const run = (k: Kernels) => {
    const scale = new Float32Array(1);
    k.centred.fit(
      values,
      undefined,
      layout,
      centredSpecs['rise up to 1, margin 0, 2 + 1 rounds, 1 passes']!,
      scale,
    );
    return scale;
  };
  expect(run(simd)).toEqual(run(referenceKernels));
});

const everyCells: Cells[] = [];
for (const shape of ['tread', 'rise', 'dead-zone'] as const)
  for (const rounding of ['half-even', 'half-away', 'stochastic', 'mask'] as const)
    for (const realZero of shape === 'tread' ? [false, true] : [false])
      everyCells.push({ shape, rounding, realZero, margin: shape === 'dead-zone' ? 0.5 : 0, seed: 7 });

test.each(everyCells)('cells: $shape, $rounding, real zero $realZero', (cells) => {
  const range = { minCode: -8, maxCode: 7 };
  for (const [rows, length, block] of [
    ...Array.from({ length: 20 }, (_, i) => [2, i + 1, i + 1] as const),
    [3, 70, 32],
    [1, 70_001, 70_001],
    [1, 70_001, 33],
  ] as const) {
    const layout = { rows, length, block };
    const values = hardRows(rows, length);
    // Ties, and values on a level.
    for (let i = 0; i < values.length; i += 3) values[i] = ((i % 41) - 20) / 8;
    const count = rows * Math.ceil(length / block);
    const scale = Float32Array.from({ length: count }, (_, i) => (i % 3 === 2 ? -0.25 : 0.25));
    const zero = Float32Array.from({ length: count }, (_, i) => (cells.realZero ? 0.3 + i / 7 : i % 4));
    const mask = Uint8Array.from(values, (_, i) => (i * 7) & 1);
    for (const Codes of [Int8Array, Int16Array, Uint8Array, Uint16Array]) {
      const bounds = Codes === Int8Array || Codes === Int16Array ? range : { minCode: 0, maxCode: 15 };
      const run = (k: Kernels) => {
        const codes = new Codes(values.length);
        k.affine.quantizeCells(values, layout, scale, zero, bounds, cells, 2 ** 32 - 5, mask, codes);
        const out = new Float32Array(values.length);
        k.affine.dequantize(codes, layout, scale, zero, cells.margin, out);
        return Buffer.concat([Buffer.from(codes.buffer), Buffer.from(out.buffer)]);
      };
      expect(Buffer.compare(run(simd), run(referenceKernels))).toBe(0);
    }
  }
});

test('extremes', () => {
  for (const [rows, length, block] of [
    ...Array.from({ length: 20 }, (_, i) => [2, i + 1, i + 1] as const),
    [9, 70, 32],
    [1, 140_001, 140_001],
    [2, 70_001, 66_000],
  ] as const) {
    const values = hardRows(rows, length);
    const count = rows * Math.ceil(length / block);
    const run = (k: Kernels) => {
      const [lows, highs] = [new Float32Array(count), new Float32Array(count)];
      k.affine.extremes(values, { rows, length, block }, lows, highs);
      // -0 and 0 are equally small.
      return [...lows, ...highs].map((x) => x + 0);
    };
    expect(run(simd)).toEqual(run(referenceKernels));
  }
});

test.each(['encodeFloat16', 'encodeBfloat16'] as const)('%s', (name) => {
  const all = awkwardFloats();
  for (const saturate of [false, true]) {
    for (const length of [...Array(20).keys(), all.length]) {
      const values = all.subarray(all.length - length);
      const [got, wanted] = [new Uint16Array(length), new Uint16Array(length)];
      simd.convert[name](values, got, saturate);
      referenceKernels.convert[name](values, wanted, saturate);
      expect(got).toEqual(wanted);
    }
  }
});

test.each(['decodeFloat16', 'decodeBfloat16'] as const)('%s', (name) => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  for (const length of [...Array(20).keys(), all.length]) {
    const [got, wanted] = [new Float32Array(length), new Float32Array(length)];
    simd.convert[name](all.subarray(0, length), got);
    referenceKernels.convert[name](all.subarray(0, length), wanted);
    expect(got).toEqual(wanted);
  }
});

test('packNibbles', () => {
  const codes = Uint8Array.from({ length: 70_003 }, (_, i) => (i * 7 + (i >> 5)) & 15);
  for (const length of [...Array(70).keys(), codes.length]) {
    const size = Math.ceil(length / 2);
    const [got, wanted] = [new Uint8Array(size), new Uint8Array(size)];
    simd.convert.packNibbles(codes.subarray(0, length), got);
    referenceKernels.convert.packNibbles(codes.subarray(0, length), wanted);
    expect(got).toEqual(wanted);
    const signed = Int8Array.from(codes.subarray(0, length), (c) => (c << 28) >> 28);
    simd.convert.packNibbles(signed, got);
    expect(got).toEqual(wanted);
  }
});

test('squares', () => {
  const [a, b] = [bell(50_003, 1), bell(50_003, 2)];
  for (const length of [...Array(10).keys(), 16_384, 16_387, a.length]) {
    const got = simd.measure.squares(a.subarray(0, length), b.subarray(0, length));
    expect(got).toEqual(referenceKernels.measure.squares(a.subarray(0, length), b.subarray(0, length)));
  }
});
