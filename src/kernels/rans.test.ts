import { describe, expect, test } from 'vitest';
import { createRansReference, type RansTable, ransChunk, ransHeadBytes } from './rans.ref.ts';
import { createRansKernel } from './rans.wasm.ts';

const twins = { ref: createRansReference(), wasm: await createRansKernel() };
const load = (table: RansTable) => {
  for (const kernel of Object.values(twins)) kernel.load(table);
};

/** Codes drawn from the table itself: slot numbers of a linear congruential generator. */
function drawn(table: RansTable, count: number, seed: number): Uint8Array {
  const slots = new Uint8Array(2 ** table.bits);
  for (let s = 0, at = 0; s < 256; at += table.frequencies[s]!, s++)
    slots.fill(s, at, at + table.frequencies[s]!);
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return slots[(state >>> 8) % slots.length]!;
  });
}

function table(bits: number, some: Readonly<Record<number, number>>): RansTable {
  const frequencies = new Uint16Array(256);
  for (const [symbol, frequency] of Object.entries(some)) frequencies[Number(symbol)] = frequency;
  return { bits, frequencies };
}

const tables: Record<string, RansTable> = {
  'one byte only': table(12, { 7: 4096 }),
  'one byte only, most slots': table(14, { 255: 16384 }),
  'two bytes, one rare': table(12, { 0: 4095, 255: 1 }),
  'two bytes, one rare, most slots': table(14, { 3: 1, 4: 16383 }),
  'every byte alike': table(8, Object.fromEntries(Array.from({ length: 256 }, (_, i) => [i, 1]))),
  'every byte, steep': table(
    14,
    Object.fromEntries(Array.from({ length: 256 }, (_, i) => [i, i === 128 ? 16384 - 255 : 1])),
  ),
  'sixteen codes': table(10, Object.fromEntries(Array.from({ length: 16 }, (_, i) => [i + 240, 64]))),
};

describe.each(Object.entries(tables))('rANS, %s', (_, of) => {
  test.each([0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 4099])('%i codes', (count) => {
    load(of);
    const codes = drawn(of, count, count + 1);
    const [byTwin, byKernel] = [twins.ref.encode(codes), twins.wasm.encode(codes)];
    expect(byKernel).toEqual(byTwin);
    for (const kernel of Object.values(twins)) {
      const back = new Uint8Array(count).fill(99);
      expect(kernel.decode(byTwin, back)).toBe(true);
      expect(back).toEqual(codes);
    }
  });
});

test('a whole chunk, at the entropy of its table', () => {
  const of = tables['sixteen codes']!;
  load(of);
  const codes = drawn(of, ransChunk, 5);
  const stream = twins.wasm.encode(codes);
  expect(stream).toEqual(twins.ref.encode(codes));
  // Four bits each, and what the states hold.
  expect(stream.length - ransChunk / 2).toBeLessThanOrEqual(ransHeadBytes);
  const back = new Uint8Array(ransChunk);
  expect(twins.wasm.decode(stream, back)).toBe(true);
  expect(back).toEqual(codes);
});

test('damaged streams: both twins say the same, and read the same nonsense', () => {
  const of = tables['every byte, steep']!;
  load(of);
  const codes = drawn(of, 500, 3);
  const stream = twins.ref.encode(codes);
  let told = 0;
  for (let at = 0; at < stream.length; at++) {
    const damaged = stream.slice();
    damaged[at]! ^= 1 << (at % 8);
    const read = Object.values(twins).map((kernel) => {
      const back = new Uint8Array(500);
      return { whole: kernel.decode(damaged, back), back };
    });
    expect(read[1]!.whole).toBe(read[0]!.whole);
    // A state that cannot be is refused before anything is decoded.
    if (read[0]!.whole) expect(read[1]!.back).toEqual(read[0]!.back);
    if (read[0]!.whole) expect(read[0]!.back).not.toEqual(codes);
    told += read[0]!.whole ? 0 : 1;
  }
  // The rest are streams of other codes.
  expect(told / stream.length).toBeGreaterThan(0.5);
});

test('streams that are too short or too long are told', () => {
  const of = tables['sixteen codes']!;
  load(of);
  const stream = twins.ref.encode(drawn(of, 300, 3));
  expect(stream.length).toBeGreaterThan(ransHeadBytes + 64);
  for (const length of [0, 1, 2, 63, 64, stream.length - 2, stream.length - 1]) {
    for (const kernel of Object.values(twins))
      expect(kernel.decode(stream.subarray(0, length), new Uint8Array(300))).toBe(false);
  }
  for (const more of [1, 2, 600, 10_000]) {
    const longer = new Uint8Array(stream.length + more);
    longer.set(stream);
    for (const kernel of Object.values(twins)) expect(kernel.decode(longer, new Uint8Array(300))).toBe(false);
  }
});
