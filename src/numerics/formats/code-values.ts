import type { NumberFormat } from './number-format.ts';

/**
 * The reals of every code of learned books, [blocks, 2^bits, unit], at scale 1: the books themselves where a code is
 * the number of an entry; written out where a code joins entries of several books (in stages, in parts).
 * `books`: [blocks, bookSize].
 */
export function codeValues(format: NumberFormat, books: Float32Array): Float32Array {
  const { bits, unit, bookSize, minCode, maxCode } = format;
  const count = 2 ** bits;
  if (bookSize === count * unit) return books;
  const out = new Float32Array((books.length / bookSize) * count * unit);
  let at = 0;
  for (let from = 0; from < books.length; from += bookSize) {
    const params = { scale: 1, zeroPoint: 0, minCode, maxCode, book: books.subarray(from, from + bookSize) };
    for (let code = 0; code < count; code++, at += unit) format.value(code, params, 0, out, at);
  }
  return out;
}
