import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memorySource, openSafetensors, rowCountOf } from '../../src/files/index.ts';
import { type FormatName, formats, type NumberFormat } from '../../src/numerics/index.ts';

/** Tables, codes and scales against what bitsandbytes 0.50.2 itself computed (test/golden/bitsandbytes/make.py). */

const golden = resolve(import.meta.dirname, '../golden/bitsandbytes');
const json = async (name: string) => JSON.parse(await readFile(resolve(golden, name), 'utf8'));

interface Case {
  readonly kind: 'nf4' | 'fp4';
  readonly block: number;
  readonly nested: boolean;
  readonly offset: number | null;
  readonly dequantizedSha256: string;
}

const tables: Record<string, number[]> = await json('tables.json');
const cases: Record<string, Case> = (await json('quantized.json')).cases;
const { tensors } = await openSafetensors(
  memorySource(new Uint8Array(await readFile(resolve(golden, 'quantized.safetensors'))), 'quantized'),
);

async function bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const tensor = tensors.get(name)!;
  return new Uint8Array(await tensor.read(0, rowCountOf(tensor.shape)));
}
const floatsOf = async (name: string) => new Float32Array((await bytesOf(name)).buffer);

/** The input is stored as bfloat16: the upper halves of float32. */
async function input(): Promise<Float32Array> {
  const halves = new Uint16Array((await bytesOf('input')).buffer);
  return new Float32Array(Uint32Array.from(halves, (x) => x << 16).buffer);
}

/** bitsandbytes packs the first of two codes into the high half. */
const unpacked = (bytes: Uint8Array) =>
  Uint8Array.from({ length: 2 * bytes.length }, (_, i) =>
    i % 2 === 0 ? bytes[i >> 1]! >> 4 : bytes[i >> 1]! & 15,
  );

/**
 * By how much one of two levels is further from x, over |x|. On the border of two levels rounding decides:
 * bitsandbytes multiplies by 1 / absmax, we divide by absmax.
 */
function unevenness(format: NumberFormat, x: number, one: number, other: number): number {
  if (one === other) return 0;
  const table = format.table!();
  return Math.abs(Math.abs(table[one]! - x) - Math.abs(table[other]! - x)) / Math.abs(x);
}
const BORDER = 2 ** -21;

const bits = (xs: Iterable<number>) => [...new Uint32Array(Float32Array.from(xs).buffer)];

test.each([
  ['nf4', 'nf4'],
  ['fp4', 'fp4'],
  ['dynamic8', 'dynamic'],
] as const)('%s has the levels of bitsandbytes in its order of codes, to the last bit', (ours, theirs) => {
  expect(bits(formats[ours].table!())).toEqual(bits(tables[theirs]!));
});

test('af4 has the levels that bitsandbytes lists from the top', () => {
  expect(bits(formats.af4.table!())).toEqual(bits(tables.af4!.toReversed()));
});

describe.each(Object.entries(cases))('%s', (name, { kind, block, nested, offset, dequantizedSha256 }) => {
  const format: NumberFormat = formats[kind];

  test('our codes are its codes; where not, both levels are equally far', async () => {
    const values = await input();
    const { codes, scale } = await format.encode(values, { rows: 1, length: values.length, block });
    const theirs = unpacked(await bytesOf(`${name}/weight`));
    let moved = 0;
    for (const [i, code] of codes.entries()) {
      const x = values[i]! / scale[Math.floor(i / block)]!;
      expect(unevenness(format, x, code, theirs[i]!)).toBeLessThanOrEqual(BORDER);
      if (code !== theirs[i]) moved++;
    }
    // bfloat16 over bfloat16 is often exactly 5/12, the middle of 1/3 and 1/2, but never a border of NF4.
    expect(moved).toBeLessThanOrEqual(kind === 'nf4' ? 0 : values.length / 200);
  });

  test('our scales are its absmax; where a block is 0, ours is 1 and its is 0', async () => {
    const values = await input();
    const { scale } = await format.encode(values, { rows: 1, length: values.length, block });
    const absmax = scale.map((x, i) =>
      values.subarray(i * block, (i + 1) * block).every((v) => v === 0) ? 0 : x,
    );
    expect(absmax.includes(0)).toBe(block === 64);
    if (!nested) {
      expect(absmax).toEqual(await floatsOf(`${name}/weight.absmax`));
      return;
    }
    // Scales of scales: the mean removed, then the dynamic map in blocks of 256.
    const centred = absmax.map((x) => x - Math.fround(offset!));
    const layout = { rows: 1, length: centred.length, block: 256 };
    const outer = await formats.dynamic8.encode(centred, layout);
    expect(outer.codes).toEqual(await bytesOf(`${name}/weight.absmax`));
    expect(outer.scale).toEqual(await floatsOf(`${name}/weight.nested_absmax`));
  });

  test('its bytes, decoded by us, are its reals', async () => {
    const codes = unpacked(await bytesOf(`${name}/weight`));
    const stored = await bytesOf(`${name}/weight.absmax`);
    const nestedLayout = { rows: 1, length: stored.length, block: 256 };
    const scale = nested
      ? formats.dynamic8
          .decode({ codes: stored, scale: await floatsOf(`${name}/weight.nested_absmax`) }, nestedLayout)
          .map((x) => x + Math.fround(offset!))
      : new Float32Array(stored.buffer);
    const reals = format.decode({ codes, scale }, { rows: 1, length: codes.length, block });
    expect(reals.subarray(0, 256)).toEqual(await floatsOf(`${name}/head`));
    expect(createHash('sha256').update(new Uint8Array(reals.buffer)).digest('hex')).toBe(dequantizedSha256);
  });
});

test('on every border and next to it our code or its neighbour is that of bitsandbytes', async () => {
  const f = Math.fround;
  let moved = 0;
  for (const kind of ['nf4', 'fp4', 'dynamic8'] as FormatName[]) {
    const format: NumberFormat = formats[kind];
    const table = format.table!();
    const order = [...table.keys()].sort((a, b) => table[a]! - table[b]! || a - b);
    const borders = order.slice(1).map((code, i) => f(f(table[code]! + table[order[i]!]!) / 2));
    for (let k = 0; k < 100; k++) {
      const absmax = f(0.01 + k * 0.00731);
      const near = borders.flatMap((x) => [1, 1 + 2 ** -23, 1 - 2 ** -23].map((by) => f(f(x * absmax) * by)));
      const values = Float32Array.from([absmax, ...near]);
      const { codes } = await format.encode(values, { rows: 1, length: values.length, block: values.length });
      const reciprocal = f(1 / absmax);
      for (const [i, x] of values.entries()) {
        const theirs = order[borders.filter((border) => f(x * reciprocal) > border).length]!;
        expect(unevenness(format, x / absmax, codes[i]!, theirs)).toBeLessThanOrEqual(BORDER);
        if (theirs !== codes[i]) moved++;
      }
    }
  }
  expect(moved).toBeGreaterThan(0);
});
