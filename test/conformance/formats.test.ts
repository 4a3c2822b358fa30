import { describe, expect, test } from 'vitest';
import { awkwardFloats, bell } from '../../src/kernels/random-values.test-data.ts';
import {
  type Codes,
  codeCount,
  dequantizeTensor,
  type FitChoice,
  type FormatFamilyName,
  type FormatName,
  formats,
  type NumberFormat,
  perGroup,
  perTensor,
  quantizeTensor,
  type RangeSearch,
  type RowLayout,
  ranges,
} from '../../src/numerics/index.ts';

/**
 * The laws of a number format, for every row of the table. A new format is tested by being there.
 */

type Choices = Readonly<Record<string, FitChoice>>;

/** What every format that has scales reads. */
const scaleChoices: Choices = {
  'by default': {},
  'powers of two': { symmetric: true, powerOfTwo: true },
  'float16 scales': { symmetric: true, scaleType: 'float16' },
};

/** What uniform formats read besides. */
const uniformChoices: Choices = {
  ...scaleChoices,
  asymmetric: { symmetric: false },
  'min-max': { symmetric: true, range: 'min-max' },
  'min-max, asymmetric': { symmetric: false, range: 'min-max' },
  restricted: { symmetric: true, restricted: true },
  reduced: { symmetric: true, reduced: true },
  'reduced, asymmetric': { symmetric: false, reduced: true },
  'powers of two, asymmetric': { symmetric: false, powerOfTwo: true },
  'float16 scales, asymmetric': { symmetric: false, scaleType: 'float16' },
  octav: { symmetric: true, range: 'octav' },
  'octav, asymmetric': { symmetric: false, range: 'octav' },
  'half away': { symmetric: true, rounding: 'half-away' },
  'stochastic, asymmetric': { symmetric: false, rounding: 'stochastic', seed: 5 },
  'real zero': { symmetric: false, zero: 'real' },
  'real zero, min-max': { symmetric: false, zero: 'real', range: 'min-max' },
  'real zero, hqq, stochastic': { symmetric: false, zero: 'real', range: 'hqq', rounding: 'stochastic' },
  hqq: { symmetric: true, range: 'hqq' },
  'hqq, asymmetric': { symmetric: false, range: 'hqq' },
  kl: { symmetric: true, range: 'kl' },
  'percentile, asymmetric': { symmetric: false, range: 'percentile' },
  'abs-max, asymmetric': { symmetric: false, range: 'abs-max' },
  'E8M0 scales': { symmetric: true, scaleType: 'float8e8m0' },
  'E4M3 scales': { symmetric: false, scaleType: 'float8e4m3fn', range: 'min-max' },
};

const uniformFamilies: readonly FormatFamilyName[] = ['integer', 'mid-rise', 'dead-zone'];

/** Widths that are tried with every choice; the others, made by the same rows, with each fourth one. */
const thoroughBits = [1, 2, 4, 8, 16];

function choicesOf(format: NumberFormat): [string, FitChoice][] {
  if (uniformFamilies.includes(format.family)) {
    // Only integers have a zero point to move.
    const read = Object.entries(uniformChoices).filter(
      ([, choice]) => format.kind === 'integer' || choice.symmetric !== false,
    );
    const all = thoroughBits.includes(format.bits);
    return read.filter((_, i) => all || i === 0 || (i + format.bits) % 4 === 0);
  }
  return Object.entries(format.scaled ? scaleChoices : { 'by default': {} });
}

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

/** Real 0 is exactly a code: not with a zero point that is a real number itself. */
const keepsZero = (format: NumberFormat, choice: FitChoice) => format.hasZero && choice.zero !== 'real';

const blockOf = (format: NumberFormat, wanted: number) => (format.block === 'free' ? wanted : format.block);

/** The choice with the scale of the whole tensor, for formats with scales of two levels. */
function choiceFor(format: NumberFormat, values: Float32Array, choice: FitChoice): FitChoice {
  const tensorScale = format.tensorScale?.(values);
  return tensorScale === undefined ? choice : { ...choice, tensorScale };
}

/** Values of packed codes, unit by unit, the slow way round. */
function byLaw(
  format: NumberFormat,
  values: Float32Array,
  layout: RowLayout,
  weights?: Float32Array,
  choice?: FitChoice,
) {
  const { unit } = format;
  const codes = format.createCodes(codeCount(layout, unit));
  const out = new Float32Array(values.length);
  const scales: number[] = [];
  const zeros: number[] = [];
  const book: number[] = [];
  let codesAt = 0;
  for (let row = 0; row < layout.rows; row++) {
    for (let start = 0; start < layout.length; start += layout.block) {
      const from = row * layout.length + start;
      const to = row * layout.length + Math.min(start + layout.block, layout.length);
      const params = format.fit(values.subarray(from, to), weights?.subarray(from, to), {
        ...choice,
        firstValue: from,
      });
      scales.push(params.scale);
      zeros.push(params.zeroPoint);
      const entries = new Float32Array(format.bookSize);
      entries.set(params.book ?? []);
      book.push(...entries);
      // The last unit of a block is filled up with zeros.
      const units = Math.ceil((to - from) / unit);
      const padded = new Float32Array(units * unit);
      padded.set(values.subarray(from, to));
      const own = codes.subarray(codesAt, codesAt + units) as Codes;
      for (let u = 0; u < units; u++) own[u] = format.round(padded, u * unit, params, u);
      const stored = format.unpack(format.pack(own), units);
      for (let u = 0; u < units; u++) format.value(stored[u]!, params, u, padded, u * unit);
      out.set(padded.subarray(0, to - from), from);
      codesAt += units;
    }
  }
  return { codes, out, scales, zeros, book };
}

describe.each(names)('%s', (name) => {
  const format: NumberFormat = formats[name];
  const choices = choicesOf(format);

  test('says what it is', () => {
    expect(format.name).toBe(name);
    expect(format.description).toMatch(/\.$/);
    expect(format.source.length).toBeGreaterThan(5);
    expect(format.maxCode - format.minCode + 1).toBe(2 ** format.bits);
    const table = format.table?.();
    expect(table === undefined).toBe(format.kind === 'integer' || format.kind === 'book');
    if (table) {
      expect(table.length).toBe(2 ** format.bits);
      const finite = table.filter((x) => Number.isFinite(x));
      // 0 and -0 are two codes of one level.
      expect([finite.length, new Set(finite).size]).toContain(format.levels);
      if (format.hasZero) expect(table.includes(0)).toBe(true);
    }
    expect(format.levels).toBeLessThanOrEqual(2 ** format.bits);
    // Fixed blocks store their scales with the codes; free ones apart.
    const bits = format.bits / format.unit;
    if (format.block === 'free') expect(format.bitsPerWeight).toBeCloseTo(bits, 12);
    else {
      expect(format.bitsPerWeight).toBeGreaterThan(bits);
      expect(format.bitsPerWeight).toBeLessThanOrEqual(bits + 32 / format.block);
    }
  });

  test('encode is fit, round and pack; decode is unpack and value', async () => {
    for (const [which, choice] of choices) {
      const first = which === 'by default';
      const shapes = Array.from({ length: first ? 20 : 5 }, (_, i) => [3, i + 1, i + 1]);
      if (first) shapes.push([2, 700, 600]);
      for (const [rows, length, wanted] of [...shapes, [3, 70, 32]] as [number, number, number][]) {
        const layout = { rows, length, block: blockOf(format, wanted) };
        const values = bell(rows * length, length, 13);
        for (const weights of [undefined, bell(values.length, 9).map((x) => x * x)]) {
          const given = choiceFor(format, values, choice);
          const law = byLaw(format, values, layout, weights, given);
          const encoded = await format.encode(values, layout, weights, given);
          const where = `${which}, ${rows} rows of ${length} in blocks of ${layout.block}`;
          expect(encoded.codes, where).toEqual(law.codes);
          expect([...encoded.scale], where).toEqual(law.scales);
          const zeros = encoded.realZero ?? encoded.zeroPoint;
          if (zeros) expect([...zeros], where).toEqual(law.zeros);
          expect([...(encoded.book ?? [])], where).toEqual(law.book);
          expect(format.decode(encoded, layout), where).toEqual(law.out);
        }
      }
    }
  });

  test('bytes hold the codes in the bits they promise', () => {
    for (let count = 0; count < 40; count++) {
      const codes = format.createCodes(count);
      for (let i = 0; i < count; i++)
        codes[i] = format.minCode + ((i * 37) % (format.maxCode - format.minCode + 1));
      const bytes = format.pack(codes);
      expect(bytes.length).toBe(Math.ceil((count * format.bits) / 8));
      expect(format.unpack(bytes, count)).toEqual(codes);
    }
  });

  test('what codes mean is rounded to itself', () => {
    const { unit } = format;
    for (const [which, choice] of choices) {
      const values = bell(64 * unit, 4).subarray(0, blockOf(format, 64 * unit));
      const params = format.fit(values, undefined, choiceFor(format, values, choice));
      const { minCode = format.minCode, maxCode = format.maxCode } = params;
      const out = new Float32Array(unit);
      const again = new Float32Array(unit);
      const wrong: number[] = [];
      // All codes up to 2^8 of them, then about as many at odd distances.
      for (let code = minCode; code <= maxCode; code += ((maxCode - minCode) >> 8) | 1) {
        format.value(code, params, 0, out, 0);
        if (!out.every(Number.isFinite)) continue;
        format.value(format.round(out, 0, params, 0), params, 0, again, 0);
        // Codes of one real, as 0 and -0, may stand for each other.
        if (!again.every((x, i) => x === out[i])) wrong.push(code);
      }
      expect(wrong, which).toEqual([]);
    }
  });

  test.runIf(format.unit === 1)('larger values never get smaller', async () => {
    const sorted = bell(500, 6, 41).sort();
    for (const [which, choice] of choices) {
      if (choice.rounding === 'stochastic') continue;
      const layout = { rows: 1, length: 500, block: blockOf(format, 500) };
      const encoded = await format.encode(sorted, layout, undefined, choiceFor(format, sorted, choice));
      const back = format.decode(encoded, layout);
      for (let from = 0; from < 500; from += layout.block) {
        const part = back.subarray(from, from + layout.block);
        expect(part, which).toEqual(part.slice().sort());
      }
    }
  });

  test('no value moves further than the row says', async () => {
    const values = bell(2048, 8);
    const block = blockOf(format, 128);
    const layout = { rows: 16, length: 128, block };
    const choice = choiceFor(format, values, { range: 'min-max' });
    const back = format.decode(await format.encode(values, layout, undefined, choice), layout);
    let worst = 0;
    for (let from = 0; from < values.length; from += block) {
      const part = values.subarray(from, from + block);
      const largest = part.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      part.forEach((x, i) => {
        worst = Math.max(worst, Math.abs(x - back[from + i]!) / largest);
      });
    }
    expect(worst).toBeLessThanOrEqual(format.errorBound * (1 + 1e-5) + 2 ** -23);
    // Learned levels follow the values: how far is not known before.
    if (format.kind !== 'book') expect(worst).toBeGreaterThan(format.errorBound / 4);
  });

  test('zero stays zero, and hard blocks stay finite', async () => {
    for (const [which, choice] of choices) {
      for (const [what, block] of Object.entries(hard)) {
        const values = Float32Array.from([...block, 0]);
        const layout = { rows: 1, length: values.length, block: blockOf(format, values.length) };
        const encoded = await format.encode(values, layout, undefined, choiceFor(format, values, choice));
        const back = format.decode(encoded, layout);
        const where = `${which}: ${what}`;
        expect(Number.isFinite(encoded.scale[0]) && encoded.scale[0] !== 0, where).toBe(true);
        for (const x of back) expect(Number.isFinite(x), where).toBe(true);
        if (format.kind === 'book' || choice.zero === 'real') continue;
        // Without a level at 0, chance may take small values across it.
        if (choice.rounding === 'stochastic' && !format.hasZero) continue;
        for (const [i, x] of back.entries()) expect(x * values[i]! >= 0, where).toBe(true);
        if (keepsZero(format, choice)) expect(Math.abs(back.at(-1)!), where).toBe(0);
      }
    }
  });

  test('what is not finite is refused by name, wherever it stands', async () => {
    const scheme = { format: name, granularity: perTensor, symmetric: true } as const;
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = bell(37, 2);
      values[36] = bad;
      await expect(quantizeTensor(values, [37], scheme, { name: 'w' })).rejects.toMatchObject({
        code: 'numerics/not-finite',
        details: { name: 'w', index: 36 },
      });
    }
  });

  test('tensors come back in their shape, along any axis', async () => {
    const size = blockOf(format, 8);
    for (const dims of [
      [3, 19],
      [19, 3],
      [2, 9, 5],
    ]) {
      const count = dims.reduce((a, b) => a * b);
      const values = bell(count, 3);
      for (const axis of dims.keys()) {
        const scheme = { format: name, granularity: perGroup(axis, size), symmetric: true } as const;
        const q = await quantizeTensor(values, dims, scheme);
        const back = dequantizeTensor(q);
        expect(back.length).toBe(count);
        // Group by group, gathered by hand.
        const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
        const along = dims[axis]!;
        const index = (row: number, k: number) =>
          (Math.floor(row / inner) * along + k) * inner + (row % inner);
        const rows = count / along;
        const turned = Float32Array.from(
          { length: count },
          (_, i) => values[index(Math.floor(i / along), i % along)]!,
        );
        const layout = { rows, length: along, block: size };
        const choice = choiceFor(format, values, { symmetric: true });
        const wanted = format.decode(await format.encode(turned, layout, undefined, choice), layout);
        const got = wanted.map((_, i) => back[index(Math.floor(i / along), i % along)]!);
        expect(got).toEqual(wanted);
      }
    }
  });

  test.runIf(uniformFamilies.includes(format.family))(
    'mse never loses to min-max, and no range to storing nothing',
    async () => {
      const values = bell(64 * 64, 3);
      const layout = { rows: 64, length: 64, block: 64 };
      for (const symmetric of [true, false]) {
        const error = async (range: RangeSearch) => {
          const back = format.decode(
            await format.encode(values, layout, undefined, { symmetric, range }),
            layout,
          );
          return back.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
        };
        expect(await error('mse')).toBeLessThanOrEqual((await error('min-max')) * (1 + 1e-6));
        const energy = values.reduce((sum, x) => sum + x * x, 0);
        // One and two bits from the full range may miss everything but the largest value.
        for (const range of Object.keys(ranges) as RangeSearch[])
          if (format.bits > 2) expect(await error(range), range).toBeLessThan(energy / 2);
      }
    },
  );
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
