import { expect, test } from 'vitest';
import { packBits, unpackBits } from './index.ts';

test('low bits come first', () => {
  expect([...packBits([1, 2, 3], 4)]).toEqual([0x21, 0x03]);
  expect([...packBits([0, 1, 2, 3, 1], 2)]).toEqual([0b11100100, 0b01]);
  expect([...packBits([1, 0, 0, 0, 0, 0, 0, 1, 1], 1)]).toEqual([0x81, 0x01]);
  expect([...packBits(Int8Array.of(-1, -8, 7), 4)]).toEqual([0x8f, 0x07]);
  expect([...packBits([255, 1], 8)]).toEqual([255, 1]);
});

test('every length comes back, signed and unsigned', () => {
  for (const bits of [1, 2, 4, 8] as const) {
    for (let count = 0; count < 37; count++) {
      const codes = Uint8Array.from({ length: count }, (_, i) => (i * 5 + 3) % 2 ** bits);
      expect(unpackBits(packBits(codes, bits), bits, count)).toEqual(codes);
      const half = 2 ** (bits - 1);
      const signed = Int8Array.from(codes, (c) => (c >= half ? c - 2 * half : c));
      expect(unpackBits(packBits(signed, bits), bits, count, true)).toEqual(signed);
    }
  }
});
