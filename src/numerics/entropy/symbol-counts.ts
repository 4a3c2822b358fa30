import type { Codes } from '../quantized-tensor.ts';

/** How often each byte occurs: [256]. */
export function countBytes(bytes: Uint8Array): Float64Array {
  // Four tables: neighbouring bytes are often alike, and a counter that was just stored must be waited for.
  const tables = new Uint32Array(1024);
  const whole = bytes.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    tables[bytes[i]!]!++;
    tables[256 + bytes[i + 1]!]!++;
    tables[512 + bytes[i + 2]!]!++;
    tables[768 + bytes[i + 3]!]!++;
  }
  for (let i = whole; i < bytes.length; i++) tables[bytes[i]!]!++;
  return Float64Array.from(
    { length: 256 },
    (_, s) => tables[s]! + tables[256 + s]! + tables[512 + s]! + tables[768 + s]!,
  );
}

/** How often each code occurs; two's complement of a signed code is its index. */
export function countCodes(codes: Codes): Float64Array {
  if (codes.BYTES_PER_ELEMENT === 1) {
    return countBytes(new Uint8Array(codes.buffer, codes.byteOffset, codes.length));
  }
  const words = new Uint16Array(codes.buffer, codes.byteOffset, codes.length);
  const counts = new Float64Array(65536);
  for (const word of words) counts[word]!++;
  return counts;
}

/**
 * The entropy of what was counted, in bits per symbol: no code that looks at one symbol at a time, with one table
 * for all, takes fewer (Shannon 1948). 0 when nothing was counted.
 */
export function entropyBits(counts: Float64Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / total) * Math.log2(count / total);
  return bits === 0 ? 0 : bits;
}
