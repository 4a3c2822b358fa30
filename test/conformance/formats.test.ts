import { describe, expect, test } from 'vitest';
import { awkwardFloats, bell } from '../../src/kernels/random-values.test-data.ts';
import {
  type Codes,
  type FitChoice,
  type FormatName,
  formats,
  type NumberFormat,
  type RowLayout,
} from '../../src/numerics/index.ts';

/**
 * The laws of a number format, for every row of the table. A new format is tested by being there.
 */

const choices: Record<string, FitChoice> = {
  'by default': {},
  asymmetric: { symmetric: false },
  'min-max': { symmetric: true, range: 'min-max' },
  'min-max, asymmetric': { symmetric: false, range: 'min-max' },
  restricted: { symmetric: true, restricted: true },
  reduced: { symmetric: true, reduced: true },
  'reduced, asymmetric': { symmetric: false, reduced: true },
  'powers of two': { symmetric: true, powerOfTwo: true },
  'powers of two, asymmetric': { symmetric: false, powerOfTwo: true },
  octav: { symmetric: true, range: 'octav' },
  'octav, asymmetric': { symmetric: false, range: 'octav' },
  'float16 scales': { symmetric: false, scaleType: 'float16' },
};

/** Blocks that break careless scales. */
const hard: Record<string, number[]> = {
  zeros: [0, 0, 0, 0, 0],
  'negative zeros': [-0, 0, -0],
  'one value': [0.37],
  'a constant': [2.5, 2.5, 2.5, 2.5],
  'a negative constant': [-1e-3, -1e-3],
  'positive, far from zero': [1000, 1000.5, 1001],
  'the smallest subnormal': [2 ** -149, 0, -(2 ** -149)],
  subnormals: [1e-40, -3e-41, 7e-39],
  tiny: [1e-30, -2e-31, 3e-32],
  'the largest floats': [3.4028234663852886e38, -3.4028234663852886e38, 1],
  'one huge among small': [1e30, 1, -1, 0.5],
};

const names = Object.keys(formats) as FormatName[];

/** Values of packed codes, unit by unit, the slow way round. */
function byLaw(
  format: NumberFormat,
  values: Float32Array,
  layout: RowLayout,
  weights?: Float32Array,
  choice?: FitChoice,
) {
  const codes = format.createCodes(values.length);
  const out = new Float32Array(values.length);
  const scales: number[] = [];
  for (let row = 0; row < layout.rows; row++) {
    for (let start = 0; start < layout.length; start += layout.block) {
      const from = row * layout.length + start;
      const to = row * layout.length + Math.min(start + layout.block, layout.length);
      const params = format.fit(values.subarray(from, to), weights?.subarray(from, to), choice);
      scales.push(params.scale);
      for (let i = from; i < to; i++) codes[i] = format.round(values, i, params, i - from);
      const stored = format.unpack(format.pack(codes.subarray(from, to) as Codes), to - from);
      for (let i = from; i < to; i++) format.value(stored[i - from]!, params, i - from, out, i);
    }
  }
  return { codes, out, scales };
}

describe.each(names)('%s', (name) => {
  const format: NumberFormat = formats[name];

  test('says what it is', () => {
    expect(format.name).toBe(name);
    expect(format.description).toMatch(/\.$/);
    expect(format.source.length).toBeGreaterThan(5);
    expect(format.levels).toBeLessThanOrEqual(2 ** format.bits);
    expect(format.maxCode - format.minCode + 1).toBe(2 ** format.bits);
  });

  test.each(Object.entries(choices))(
    'encode is fit, round and pack; decode is unpack and value: %s',
    async (_, choice) => {
      for (const [rows, length, block] of [
        ...Array.from({ length: 20 }, (_, i) => [3, i + 1, i + 1]),
        [5, 70, 32],
        [2, 1100, 600],
      ] as [number, number, number][]) {
        const layout = { rows, length, block };
        const values = bell(rows * length, length, 13);
        for (const weights of [undefined, bell(values.length, 9).map((x) => x * x)]) {
          const law = byLaw(format, values, layout, weights, choice);
          const encoded = await format.encode(values, layout, weights, choice);
          expect(encoded.codes).toEqual(law.codes);
          expect([...encoded.scale]).toEqual(law.scales);
          expect(format.decode(encoded, layout)).toEqual(law.out);
        }
      }
    },
  );

  test('bytes hold the codes in the bits they promise', () => {
    for (let count = 0; count < 40; count++) {
      const codes = format.createCodes(count);
      for (let i = 0; i < count; i++)
        codes[i] = format.minCode + ((i * 37) % (format.maxCode - format.minCode + 1));
      const bytes = format.pack(codes);
      expect(bytes.length).toBe(Math.ceil((count / format.unit) * (format.bitsPerWeight / 8)));
      expect(format.unpack(bytes, count)).toEqual(codes);
    }
  });

  test.each(Object.entries(choices))('every code is the nearest code of its own value: %s', (_, choice) => {
    const params = format.fit(bell(64, 4), undefined, choice);
    const out = new Float32Array(1);
    const again = new Float32Array(1);
    const wrong: number[] = [];
    for (let code = params.minCode; code <= params.maxCode; code++) {
      format.value(code, params, 0, out, 0);
      if (!Number.isFinite(out[0])) continue;
      format.value(format.round(out, 0, params, 0), params, 0, again, 0);
      if (!Object.is(again[0], out[0])) wrong.push(code);
    }
    expect(wrong).toEqual([]);
  });

  test.each(Object.entries(choices))('larger values never get smaller: %s', async (_, choice) => {
    const sorted = bell(500, 6, 41).sort();
    const layout = { rows: 1, length: 500, block: 500 };
    const back = format.decode(await format.encode(sorted, layout, undefined, choice), layout);
    expect(back).toEqual(back.slice().sort());
  });

  test('no value moves further than the row says', async () => {
    const values = bell(2048, 8);
    const layout = { rows: 16, length: 128, block: 128 };
    const back = format.decode(await format.encode(values, layout, undefined, { range: 'min-max' }), layout);
    let worst = 0;
    for (let row = 0; row < 16; row++) {
      const part = values.subarray(row * 128, (row + 1) * 128);
      const largest = part.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      part.forEach((x, i) => {
        worst = Math.max(worst, Math.abs(x - back[row * 128 + i]!) / largest);
      });
    }
    expect(worst).toBeLessThanOrEqual(format.errorBound * (1 + 1e-5));
    expect(worst).toBeGreaterThan(format.errorBound / 4);
  });

  test.each(Object.entries(choices))(
    'zero stays zero, and hard blocks stay finite: %s',
    async (_, choice) => {
      for (const block of Object.values(hard)) {
        const values = Float32Array.from([...block, 0]);
        const layout = { rows: 1, length: values.length, block: values.length };
        const encoded = await format.encode(values, layout, undefined, choice);
        const back = format.decode(encoded, layout);
        expect(Math.abs(back.at(-1)!)).toBe(0);
        expect(Number.isFinite(encoded.scale[0]) && encoded.scale[0] !== 0).toBe(true);
        for (const [i, x] of back.entries()) {
          expect(Number.isFinite(x)).toBe(true);
          expect(x * values[i]!).toBeGreaterThanOrEqual(0);
        }
      }
    },
  );

  test('the smallest error that fit can find is no larger than that of the full range', async () => {
    const values = bell(64 * 64, 3);
    const layout = { rows: 64, length: 64, block: 64 };
    for (const symmetric of [true, false]) {
      const error = async (range: FitChoice['range']) => {
        const back = format.decode(
          await format.encode(values, layout, undefined, { symmetric, range }),
          layout,
        );
        return back.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
      };
      expect(await error('mse')).toBeLessThanOrEqual((await error('min-max')) * (1 + 1e-6));
    }
  });
});

test('floats that no code means are rounded to the nearest one', () => {
  for (const name of names) {
    const format: NumberFormat = formats[name];
    if (format.kind !== 'float') continue;
    const params = { scale: 1, zeroPoint: 0, minCode: format.minCode, maxCode: format.maxCode };
    const value = new Float32Array(1);
    const finite: { x: number; code: number }[] = [];
    for (let code = format.minCode; code <= format.maxCode; code++) {
      format.value(code, params, 0, value, 0);
      if (Number.isFinite(value[0])) finite.push({ x: value[0]!, code });
    }
    finite.sort((a, b) => a.x - b.x || a.code - b.code);
    const wrong: number[] = [];
    for (const x of awkwardFloats()) {
      if (!Number.isFinite(x)) continue;
      const got = format.round(Float32Array.of(x), 0, params, 0);
      format.value(got, params, 0, value, 0);
      if (value[0] !== nearestOf(finite, x)) wrong.push(x);
    }
    expect(wrong).toEqual([]);
  }
});

/** The value nearest to x by halving; of two equally near ones that with the even code. */
function nearestOf(sorted: readonly { x: number; code: number }[], x: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.x <= x) low = middle;
    else high = middle;
  }
  const [a, b] = [sorted[low]!, sorted[high]!];
  if (x >= b.x || x <= a.x) return x >= b.x ? b.x : a.x;
  const [da, db] = [Math.abs(x - a.x), Math.abs(b.x - x)];
  if (da !== db) return da < db ? a.x : b.x;
  return a.code % 2 === 0 ? a.x : b.x;
}
