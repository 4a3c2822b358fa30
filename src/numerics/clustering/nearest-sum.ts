import { kernelsNow, SUM_DOUBT, type SumTables } from '../../kernels/index.ts';

/** Which sum of one entry of each of several books lies nearest to a vector. */
export interface SumSearch {
  /** codes[i] = entry numbers, the first book's in the lowest bits, of the nearest sum to vector i, written. */
  codes(vectors: Float32Array, codes: Uint8Array | Uint16Array): void;
}

/** Vectors whose row minima are held at once. */
const TOGETHER = 128;

/**
 * The exact nearest of all sums, up to 2^16 of them: the books fall into two halves, a and b are sums of each, and
 *
 *   |x - a - b|^2 = (|x|^2 + |a|^2 - 2 x.a) - 2 x.b + (|b|^2 + 2 a.b)
 *
 * The last bracket is a table. A kernel finds the least of each row of it in float32; rows that rounding does not
 * rule out are then measured sum by sum in doubles, against the sums as they are decoded. Of equally near ones the
 * lowest code.
 */
export function sumSearch(
  books: Float32Array, // [stages, 2^bits, unit], magnitudes up to 2
  stages: number,
  bits: number,
  unit: number,
): SumSearch {
  const size = books.length / stages;
  const half = Math.ceil(stages / 2);
  const A = sums(books.subarray(0, half * size), half, bits, unit);
  const B = sums(books.subarray(half * size), stages - half, bits, unit);
  const tables = tablesOf(A, B, unit);
  const [rows, columns] = [A.length / unit, B.length / unit];

  const nearest = (vectors: Float32Array, at: number, minima: Float32Array): number => {
    let square = 0;
    for (let d = 0; d < unit; d++) square += vectors[at + d]! ** 2;
    let limit = Number.POSITIVE_INFINITY;
    for (let a = 0; a < rows; a++) if (minima[a]! < limit) limit = minima[a]!;
    limit += SUM_DOUBT * (square + tables.largest);
    let code = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let a = 0; a < rows; a++) {
      if (minima[a]! > limit) continue;
      for (let b = 0; b < columns; b++) {
        let off = 0;
        for (let d = 0; d < unit; d++) {
          off += (vectors[at + d]! - Math.fround(A[a * unit + d]! + B[b * unit + d]!)) ** 2;
        }
        const candidate = a + b * rows;
        if (off < least || (off === least && candidate < code)) {
          least = off;
          code = candidate;
        }
      }
    }
    return code;
  };
  return {
    codes(vectors, codes) {
      const minima = new Float32Array(Math.min(TOGETHER, codes.length) * rows);
      for (let from = 0; from < codes.length; from += TOGETHER) {
        const to = Math.min(from + TOGETHER, codes.length);
        kernelsNow().nearestSum.rowMinima(vectors.subarray(from * unit, to * unit), tables, minima);
        for (let i = from; i < to; i++) {
          codes[i] = nearest(vectors, i * unit, minima.subarray((i - from) * rows, (i - from + 1) * rows));
        }
      }
    },
  };
}

/** Every sum of one entry of each book, the first book's number fastest, [2^(bits x stages), unit]. */
function sums(books: Float32Array, stages: number, bits: number, unit: number): Float64Array {
  const count = 2 ** (bits * stages);
  const out = new Float64Array(count * unit);
  const mask = 2 ** bits - 1;
  for (let code = 0; code < count; code++) {
    for (let stage = 0; stage < stages; stage++) {
      const entry = (stage << bits) + ((code >> (stage * bits)) & mask);
      for (let d = 0; d < unit; d++) out[code * unit + d]! += books[entry * unit + d]!;
    }
  }
  return out;
}

function tablesOf(A: Float64Array, B: Float64Array, unit: number): SumTables {
  const dot = (a: Float64Array, i: number, b: Float64Array, j: number) => {
    let sum = 0;
    for (let d = 0; d < unit; d++) sum += a[i * unit + d]! * b[j * unit + d]!;
    return sum;
  };
  const squares = (book: Float64Array) =>
    Float64Array.from({ length: book.length / unit }, (_, i) => dot(book, i, book, i));
  const [squareA, squareB] = [squares(A), squares(B)];
  const table = new Float32Array(squareA.length * squareB.length);
  for (let a = 0, at = 0; a < squareA.length; a++) {
    for (let b = 0; b < squareB.length; b++) table[at++] = squareB[b]! + 2 * dot(A, a, B, b);
  }
  const most = squareB.reduce((m, x) => Math.max(m, x), 0);
  return {
    unit,
    A: Float32Array.from(A),
    B: Float32Array.from(B),
    squareA: Float32Array.from(squareA),
    table,
    radius: Math.fround(Math.sqrt(most) * (1 + 2 ** -20)),
    largest: Math.fround(squareA.reduce((m, x) => Math.max(m, x), 0) + most),
  };
}
