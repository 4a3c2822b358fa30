import { type RansTable, ransMaxBits } from '../../kernels/index.ts';

/**
 * A table as bytes: `bits`, then the frequencies of the symbols in order, 1 to 127 as one byte, larger ones as two
 * (0x80 | low 7 bits, high bits), and a run of n symbols that do not occur as 0, n - 1.
 */
export function writeTable({ bits, frequencies }: RansTable): Uint8Array {
  const bytes = [bits];
  for (let symbol = 0; symbol < 256; symbol++) {
    const frequency = frequencies[symbol]!;
    if (frequency >= 128) bytes.push(0x80 | (frequency & 0x7f), frequency >> 7);
    else bytes.push(frequency);
    if (frequency > 0) continue;
    const from = symbol;
    while (symbol < 255 && frequencies[symbol + 1] === 0) symbol++;
    bytes.push(symbol - from);
  }
  return Uint8Array.from(bytes);
}

/** A table that was read, and where the bytes behind it begin; or why there is none. */
export type TableRead = { readonly table: RansTable; readonly end: number } | { readonly why: string };

/** Reads a table at `at`. Every symbol is given once, and the frequencies sum to 2^bits. */
export function readTable(bytes: Uint8Array, at: number): TableRead {
  const bits = bytes[at++];
  if (bits === undefined) return { why: 'it ends before a table' };
  if (bits < 8 || bits > ransMaxBits)
    return { why: `a table has ${bits} bits, where 8 to ${ransMaxBits} are` };
  const frequencies = new Uint16Array(256);
  let sum = 0;
  for (let symbol = 0; symbol < 256; symbol++) {
    const first = bytes[at++];
    const second = first === 0 || first! >= 128 ? bytes[at++] : 0;
    if (first === undefined || second === undefined) return { why: 'it ends within a table' };
    if (first === 0) symbol += second;
    else {
      const frequency = first < 128 ? first : (first & 0x7f) | (second << 7);
      frequencies[symbol] = frequency;
      sum += frequency;
    }
    if (symbol > 255) return { why: 'a table names more than 256 symbols' };
  }
  if (sum !== 2 ** bits) return { why: `the frequencies of a table sum to ${sum}, not to ${2 ** bits}` };
  return { table: { bits, frequencies }, end: at };
}
