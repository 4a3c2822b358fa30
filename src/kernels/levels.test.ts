import { beforeAll, describe, expect, test } from 'vitest';
import { blockPieces } from './block-pieces.ts';
import { type Kernels, kernels, type LevelTable, referenceKernels, smallFloats } from './index.ts';
import { awkwardFloats, bell } from './random-values.test-data.ts';

let simd: Kernels;
beforeAll(async () => {
  simd = await kernels();
});

/** Every length modulo the widths of the loops, ragged blocks, blocks of one value, blocks longer than a tile. */
const layouts = [
  ...Array.from({ length: 36 }, (_, i) => [2, i + 1, i + 1]),
  [5, 70, 32],
  [7, 33, 16],
  [3, 50, 1],
  [3, 50, 7],
  [300, 100, 100],
  [2, 40_000, 64],
  [2, 33_001, 33_001],
  [1, 50_000, 20_000],
].map(([rows, length, block]) => ({ rows: rows!, length: length!, block: block! }));

const scalesFor = (layout: (typeof layouts)[number]) =>
  bell(layout.rows * Math.ceil(layout.length / layout.block), 3).map((x) => 2 ** Math.floor(4 * x) * 0.0371);

function table(levels: number[], order?: number[]): LevelTable {
  const sorted = Float32Array.from(levels).sort();
  return {
    thresholds: Float32Array.from(sorted.subarray(1), (x, i) => (x + sorted[i]!) / 2),
    codes: Uint8Array.from(order ?? levels.keys()),
  };
}

const grid = (n: number, value: (u: number) => number) =>
  Array.from({ length: n }, (_, i) => value((2 * i) / (n - 1) - 1));
const tables: Record<string, LevelTable> = {
  'one level': table([1]),
  'two levels': table([-1, 1], [1, 0]),
  'three levels': table([-1, 0, 1]),
  'sixteen levels': table(
    grid(16, (u) => u * Math.abs(u)),
    [15, 14, 13, 12, 11, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7],
  ),
  'seventeen levels': table(grid(17, Math.sin)),
  'even levels': table(grid(256, (u) => u)),
  'powers of two': table(grid(64, (u) => Math.sign(u) * 2 ** (-60 * (1 - Math.abs(u))))),
  'companded levels': table(grid(256, (u) => (Math.sign(u) * Math.expm1(Math.abs(u) * Math.log(256))) / 255)),
  'many levels close together': table(grid(200, (u) => 1 + u * 1e-3)),
};

const special = [
  0,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  3.4e38,
  -3.4e38,
  1e-45,
];

/** Random values, then what lies on and beside the thresholds, once scaled. */
function valuesFor(thresholds: Float32Array, layout: (typeof layouts)[number], scale: Float32Array) {
  const { rows, length, block } = layout;
  const values = bell(rows * length, length);
  const perRow = Math.ceil(length / block);
  for (let i = 0; i < values.length; i += 2) {
    const step = scale[Math.floor(i / length) * perRow + Math.floor((i % length) / block)]!;
    const t = thresholds[(i / 2) % Math.max(1, thresholds.length)] ?? 0;
    values[i] = t * step * (1 + ((i / 2) % 3) * 2 ** -23 - 2 ** -23);
    if (i % 14 === 0) values[i] = special[(i / 14) % special.length]!;
  }
  return values;
}

describe.each(Object.entries(tables))('%s', (_, levels) => {
  test('codes are those of the twin', () => {
    for (const layout of layouts) {
      const scale = scalesFor(layout);
      const values = valuesFor(levels.thresholds, layout, scale);
      const [got, wanted] = [new Uint8Array(values.length), new Uint8Array(values.length)];
      simd.levels.encodeLevels(values, layout, scale, levels, got);
      referenceKernels.levels.encodeLevels(values, layout, scale, levels, wanted);
      expect(Buffer.compare(got, wanted)).toBe(0);
    }
  });
});

const narrow = Object.entries(smallFloats).filter(([, row]) => row.bits <= 8);

describe.each(narrow)('%s', (_, float) => {
  test('codes are those of the twin, all of float32', () => {
    const all = awkwardFloats();
    for (const [scale, block] of [
      [1, all.length],
      [0.37, all.length],
      [-2, 64],
    ] as const) {
      const layout = { rows: 1, length: all.length, block };
      const scales = new Float32Array(Math.ceil(all.length / block)).fill(scale);
      const [got, wanted] = [new Uint8Array(all.length), new Uint8Array(all.length)];
      simd.levels.encodeFloats(all, layout, scales, float, got);
      referenceKernels.levels.encodeFloats(all, layout, scales, float, wanted);
      expect(Buffer.compare(got, wanted)).toBe(0);
    }
  });

  test('codes are those of the twin, every layout', () => {
    for (const layout of layouts) {
      const scale = scalesFor(layout);
      const values = bell(layout.rows * layout.length, 7);
      const [got, wanted] = [new Uint8Array(values.length), new Uint8Array(values.length)];
      simd.levels.encodeFloats(values, layout, scale, float, got);
      referenceKernels.levels.encodeFloats(values, layout, scale, float, wanted);
      expect(Buffer.compare(got, wanted)).toBe(0);
    }
  });
});

test.each([2, 4, 16, 256])('decoding tables of %i', (size) => {
  const levels = bell(size, size);
  if (size > 2) levels.set([Number.NaN, -0, Number.POSITIVE_INFINITY, 1e-45].slice(0, size));
  for (const layout of layouts) {
    const codes = Uint8Array.from(
      { length: layout.rows * layout.length },
      (_, i) => (i * 7 + (i >> 5)) % size,
    );
    const scale = scalesFor(layout);
    const [got, wanted] = [new Float32Array(codes.length), new Float32Array(codes.length)];
    simd.levels.decode(codes, layout, scale, levels, got);
    referenceKernels.levels.decode(codes, layout, scale, levels, wanted);
    expect(Buffer.compare(Buffer.from(got.buffer), Buffer.from(wanted.buffer))).toBe(0);
  }
});

test('ranges of blocks', () => {
  for (const layout of layouts) {
    const { rows, length, block } = layout;
    const values = bell(rows * length, 5).map((x, i) => (i % 5000 < 90 ? Math.abs(x) : x));
    for (let i = 0; i < values.length; i += 9) values[i] = -0;
    const count = rows * Math.ceil(length / block);
    const run = (k: Kernels) => {
      const [low, high] = [new Float32Array(count).fill(7), new Float32Array(count).fill(-7)];
      k.levels.range(values, layout, low, high);
      return [low, high];
    };
    expect(run(simd)).toEqual(run(referenceKernels));
  }
});

test('pieces cover a layout in order, and know their scales', () => {
  for (const layout of [...layouts, { rows: 3, length: 0, block: 4 }]) {
    const { length, block } = layout;
    for (const tile of [64, 1 << 14]) {
      let next = 0;
      for (const piece of blockPieces(layout, tile)) {
        expect(piece.from).toBe(next);
        next += piece.rows * piece.length;
        expect(piece.rows * piece.length).toBeLessThanOrEqual(tile);
        const row = Math.floor(piece.from / length);
        const scale = row * Math.ceil(length / block) + Math.floor((piece.from % length) / block);
        expect(piece.scaleFrom).toBe(scale);
      }
      expect(next).toBe(layout.rows * length);
    }
  }
});
