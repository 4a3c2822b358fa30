import { describe, expect, test } from 'vitest';
import { ransChunk } from '../../kernels/index.ts';
import { seededRandom } from '../../tensor/index.ts';
import { crc32 } from './crc32.ts';
import { entropyDecode, openEntropyStream } from './entropy-decode.ts';
import { type ElementBytes, entropyEncode, entropyEncodeBytes } from './entropy-encode.ts';
import { chooseTable, fitTable } from './fit-table.ts';
import { countBytes, countCodes, entropyBits } from './symbol-counts.ts';
import { readTable, writeTable } from './table-bytes.ts';

const random = seededRandom(11);
const bell = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const bytesOf = (codes: ArrayBufferView) => new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);

describe('tables', () => {
  test('cost the least: no slot moved from one symbol to another costs less', () => {
    for (const symbols of [2, 3, 16, 40]) {
      const counts = new Float64Array(256);
      for (let s = 0; s < symbols; s++)
        counts[s * 5] = Math.ceil(1000 * random() ** 8) + (s === 0 ? 5000 : 0);
      const { table, costBits } = fitTable(counts, 8);
      const used = [...counts.keys()].filter((s) => counts[s]! > 0);
      expect(table.frequencies.reduce((a, b) => a + b, 0)).toBe(256);
      for (const s of used) expect(table.frequencies[s]).toBeGreaterThan(0);
      const cost = (f: Uint16Array) => used.reduce((sum, s) => sum + counts[s]! * (8 - Math.log2(f[s]!)), 0);
      expect(cost(table.frequencies)).toBeCloseTo(costBits, 6);
      for (const to of used) {
        for (const from of used) {
          if (to === from || table.frequencies[from] === 1) continue;
          const moved = table.frequencies.slice();
          moved[to]!++;
          moved[from]!--;
          expect(cost(moved)).toBeGreaterThanOrEqual(costBits - 1e-6);
        }
      }
    }
  });

  test('as bytes and back, with runs of symbols that do not occur', () => {
    for (const used of [[0], [255], [0, 255], [7, 8, 9, 200], Array.from({ length: 256 }, (_, i) => i)]) {
      const counts = new Float64Array(256);
      for (const s of used) counts[s] = 1 + 50 * random();
      const { table } = chooseTable(counts, (t) => writeTable(t).length);
      const bytes = writeTable(table);
      expect(readTable(bytes, 0)).toEqual({ table, end: bytes.length });
      for (let n = 0; n < bytes.length; n++) expect(readTable(bytes.subarray(0, n), 0)).toHaveProperty('why');
    }
  });
});

test('entropy: by hand', () => {
  expect(entropyBits(countBytes(Uint8Array.of(1, 1, 2, 3)))).toBe(1.5);
  expect(entropyBits(countCodes(Int16Array.of(-1, 1, 256, 512)))).toBe(2);
  expect(entropyBits(countBytes(Uint8Array.of(5, 5, 5)))).toBe(0);
  expect(entropyBits(countBytes(new Uint8Array(0)))).toBe(0);
});

describe('streams', () => {
  const cases: Record<string, [ArrayBufferView, ElementBytes]> = {
    'int4 codes': [
      Int8Array.from({ length: 70_000 }, () => Math.max(-8, Math.min(7, Math.round(bell() * 2)))),
      1,
    ],
    'int8 codes': [Int8Array.from({ length: 20_001 }, () => Math.max(-128, Math.min(127, bell() * 30))), 1],
    'int12 codes': [
      Int16Array.from({ length: 5000 }, () => Math.max(-2048, Math.min(2047, bell() * 400))),
      2,
    ],
    'float16 bits': [Uint16Array.from({ length: 5000 }, () => random() * 65536), 2],
    floats: [Float32Array.from({ length: 4001 }, bell), 4],
    'whole numbers': [BigInt64Array.from({ length: 300 }, (_, i) => BigInt(i) - 150n), 8],
    'one code only': [new Uint8Array(3 * ransChunk + 7).fill(9), 1],
    'two and a half chunks': [Uint8Array.from({ length: 2.5 * ransChunk }, (_, i) => (i * i) % 7), 1],
    'no codes': [new Uint8Array(0), 1],
    'one code': [Uint8Array.of(3), 1],
  };
  test.each(Object.entries(cases))('%s come back', async (_, [values, elementBytes]) => {
    const elements = bytesOf(values);
    const coded = await entropyEncodeBytes(elements, elementBytes);
    const count = elements.length / elementBytes;
    expect(await entropyDecode(coded.bytes, { count, elementBytes })).toEqual(elements);
    expect(coded.bytes.length).toBeLessThanOrEqual(
      elements.length + 24 + elementBytes * (1 + 4 * Math.ceil(count / ransChunk)),
    );
    if (count === 0) return;
    expect(coded.bitsPerElement).toBe((8 * coded.bytes.length) / count);
    const stream = openEntropyStream(coded.bytes, { count, elementBytes });
    for (const [from, to] of [
      [0, 0],
      [0, 1],
      [count - 1, count],
      [Math.floor(count / 3), Math.floor(count / 2)],
    ] as const) {
      expect(await stream.decode(from, to)).toEqual(
        elements.subarray(from * elementBytes, to * elementBytes),
      );
    }
  });

  test('are within 1 % of the entropy for codes of a large tensor', async () => {
    const codes = Int8Array.from({ length: 300_000 }, () =>
      Math.max(-127, Math.min(127, Math.round(bell() * 30))),
    );
    const coded = await entropyEncode(codes);
    expect(coded.entropyBits).toBe(entropyBits(countCodes(codes)));
    expect(coded.bitsPerElement).toBeGreaterThan(coded.entropyBits);
    expect(coded.bitsPerElement / coded.entropyBits - 1).toBeLessThan(0.01);
  });

  test('rare codes cost no more than they must: a peak and 200 others', async () => {
    const codes = Uint8Array.from({ length: 300_000 }, (_, i) => (i % 500 === 0 ? 1 + ((i / 500) % 200) : 0));
    const coded = await entropyEncode(codes);
    expect(coded.bitsPerElement - coded.entropyBits).toBeLessThan(0.03);
  });
});

describe('hostile streams', () => {
  const codes = Uint8Array.from({ length: 3000 }, () => Math.min(15, Math.abs(bell() * 3)));
  const expected = { count: codes.length, elementBytes: 1, name: 'w.codes.rans' } as const;
  const refusal = async (bytes: Uint8Array, want: Parameters<typeof entropyDecode>[1] = expected) =>
    entropyDecode(bytes, want).then(
      () => undefined,
      (error: unknown) => error as { code: string; message: string },
    );

  test('another count or width than the tensor has', async () => {
    const { bytes } = await entropyEncode(codes);
    expect((await refusal(bytes, { ...expected, count: 2999 }))!.message).toBe(
      "The entropy-coded codes of 'w.codes.rans' cannot be decoded: it has 3000 elements, where 2999 are expected. Get the file again.",
    );
    expect((await refusal(bytes, { ...expected, elementBytes: 2 }))!.message).toContain(
      'its elements have 1 bytes, where 2 are expected',
    );
    // A count that would take all memory is refused by itself.
    expect((await refusal(bytes, { ...expected, count: 2 ** 50 }))!.code).toBe('entropy/stream');
  });

  test('cut anywhere: always refused', async () => {
    const { bytes } = await entropyEncode(codes);
    for (let length = 0; length < bytes.length; length++) {
      expect((await refusal(bytes.subarray(0, length)))!.code).toBe('entropy/stream');
    }
    expect((await refusal(Uint8Array.from([...bytes, 0])))!.code).toBe('entropy/stream');
  });

  test.each<[string, Uint8Array, ElementBytes]>([
    ['rANS', codes, 1],
    ['stored as it is', Uint8Array.from({ length: 3000 }, () => random() * 256), 1],
    ['one plane of each kind', bytesOf(Uint16Array.from({ length: 1500 }, () => random() * 512)), 2],
  ])('one bit turned anywhere is told: %s', async (_, elements, elementBytes) => {
    const { bytes } = await entropyEncodeBytes(elements, elementBytes);
    const wanted = { count: elements.length / elementBytes, elementBytes, name: 'w' };
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect((await refusal(damaged, wanted))?.code, `byte ${at}`).toBe('entropy/stream');
    }
  });

  test('only the chunks that are read are held against their checksums', async () => {
    const many = Uint8Array.from({ length: 2 * ransChunk }, (_, i) => (i * i) % 11);
    const { bytes } = await entropyEncode(many);
    bytes[bytes.length - 9]! ^= 4;
    const stream = openEntropyStream(bytes, { count: many.length, elementBytes: 1, name: 'w' });
    expect(await stream.decode(7, ransChunk)).toEqual(many.subarray(7, ransChunk));
    await expect(stream.decode(ransChunk - 1, ransChunk + 1)).rejects.toThrow(
      /'w' cannot be decoded: chunk 1 of plane 0 is damaged: its CRC-32 is [0-9a-f]{8}, where [0-9a-f]{8} is wanted/,
    );
  });
});

test('CRC-32: the check value of the standard, and piece by piece', () => {
  const text = new TextEncoder().encode('123456789');
  expect(crc32(text)).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
  const bytes = Uint8Array.from({ length: 1000 }, () => random() * 256);
  for (const cut of [0, 1, 7, 8, 500, 999])
    expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(crc32(bytes));
});
