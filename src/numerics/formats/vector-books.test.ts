import { describe, expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { bell } from '../../kernels/random-values.test-data.ts';
import { codeValues } from './code-values.ts';
import { vectorBooks } from './vector-books.ts';

const names = Object.keys(vectorBooks) as (keyof typeof vectorBooks)[];

describe.each(names)('%s', (name) => {
  const format = vectorBooks[name];
  const { unit, bookSize, bits } = format;

  test('says what it is', () => {
    const [, kind, u, b, n = '1'] = /^(vq|rvq|pq)(\d)x(\d)(?:x(\d))?$/.exec(name)!;
    expect(format.name).toBe(name);
    expect([unit, bits]).toEqual([Number(u), Number(b) * Number(n)]);
    expect(bookSize).toBe(2 ** Number(b) * unit * (kind === 'rvq' ? Number(n) : 1));
    expect(bits).toBeLessThanOrEqual(16);
  });

  test('encode is fit and round, decode is value; the last unit of a block is filled up with zeros', async () => {
    await kernels();
    for (const [rows, length, block] of [
      [2, 1, 1],
      [2, 13, 13],
      [2, 70, 32],
      [1, 501, 501],
    ] as const) {
      const values = bell(rows * length, length, 13);
      const importance = bell(values.length, 9).map((x) => x * x);
      for (const [weights, scaleType] of [
        [undefined, undefined],
        [importance, 'float16'],
      ] as const) {
        const layout = { rows, length, block };
        const encoded = await format.encode(values, layout, weights, { scaleType, seed: 3 });
        const back = format.decode(encoded, layout);
        const wanted = new Float32Array(values.length);
        const codes: number[] = [];
        const books: number[] = [];
        for (let row = 0; row < rows; row++) {
          for (let start = 0; start < length; start += block) {
            const from = row * length + start;
            const part = values.subarray(from, row * length + Math.min(start + block, length));
            const own = weights?.subarray(from, from + part.length);
            const params = format.fit(part, own, { scaleType, seed: 3 });
            books.push(...params.book!);
            const out = new Float32Array(part.length + unit);
            for (let i = 0; i < part.length; i += unit) {
              const code = format.round(part, i, params, i / unit);
              codes.push(code);
              format.value(code, params, i / unit, out, i);
            }
            wanted.set(out.subarray(0, part.length), from);
          }
        }
        expect([...encoded.codes]).toEqual(codes);
        expect([...encoded.book!]).toEqual(books);
        expect(back).toEqual(wanted);
      }
    }
  });

  test('a code is the nearest one of its own value', async () => {
    await kernels();
    const params = format.fit(bell(4000, 5));
    const out = new Float32Array(unit);
    const again = new Float32Array(unit);
    for (let code = 0; code < 2 ** bits; code += bits > 8 ? 211 : 1) {
      format.value(code, params, 0, out, 0);
      format.value(format.round(out, 0, params, 0), params, 0, again, 0);
      expect(again).toEqual(out);
    }
  });

  test('no more units than entries: nothing is lost, at any magnitude', async () => {
    for (const magnitude of [1, 2 ** -140, 2 ** 120]) {
      const values = bell(unit * 14, 3)
        .map((x) => x * magnitude)
        .map((x) => x + 0);
      for (const weights of [undefined, values.map((_, i) => (i < unit ? 0 : 1))]) {
        const layout = { rows: 1, length: values.length, block: values.length };
        const back = format.decode(await format.encode(values, layout, weights), layout);
        expect(back).toEqual(values);
      }
    }
  });

  test('hard blocks stay finite', async () => {
    for (const block of [
      [0, -0, 0],
      [2.5, 2.5, 2.5],
      [3.4028234663852886e38, -3.4028234663852886e38, 1, 0],
      [1e30, 1, -1, 0.5],
    ]) {
      const values = Float32Array.from(block);
      const layout = { rows: 1, length: values.length, block: values.length };
      for (const scaleType of [undefined, 'float16'] as const) {
        const back = format.decode(await format.encode(values, layout, undefined, { scaleType }), layout);
        expect(back.every(Number.isFinite)).toBe(true);
      }
    }
  });
});

test('the reals of every code, block by block, are what the codes decode to', async () => {
  for (const name of ['vq2x4', 'rvq4x4x2', 'pq8x4x2'] as const) {
    const format = vectorBooks[name];
    const values = bell(512, 3);
    const { book } = await format.encode(values, { rows: 2, length: 256, block: 256 });
    const all = codeValues(format, book!);
    const count = 2 ** format.bits;
    const codes = Uint8Array.from({ length: 2 * count }, (_, i) => i % count);
    const length = count * format.unit;
    const back = format.decode(
      { codes, scale: Float32Array.of(1, 1), book: book! },
      { rows: 2, length, block: length },
    );
    expect(all).toEqual(back);
  }
});

test('longer units and more stages pay: SQNR at the same bits per weight', async () => {
  const values = bell(16_384, 2, 1e9);
  const layout = { rows: 1, length: values.length, block: values.length };
  const sqnr = async (name: keyof typeof vectorBooks) => {
    const back = vectorBooks[name].decode(await vectorBooks[name].encode(values, layout), layout);
    const noise = back.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
    return 10 * Math.log10(values.reduce((sum, x) => sum + x * x, 0) / noise);
  };
  expect(await sqnr('vq4x8')).toBeGreaterThan((await sqnr('vq2x4')) + 0.3);
  expect(await sqnr('rvq4x4x2')).toBeGreaterThan((await sqnr('vq4x4')) + 4);
  expect(await sqnr('vq4x8')).toBeGreaterThan(await sqnr('rvq4x4x2'));
});

test('importance draws entries to where it lies', async () => {
  const values = bell(8192, 6);
  const layout = { rows: 1, length: values.length, block: values.length };
  const importance = values.map((_, i) => (i < 2048 ? 1 : 0));
  const error = async (weights?: Float32Array) => {
    const back = vectorBooks.vq4x6.decode(await vectorBooks.vq4x6.encode(values, layout, weights), layout);
    return back.subarray(0, 2048).reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
  };
  expect(await error(importance)).toBeLessThan((await error()) * 0.95);
});
