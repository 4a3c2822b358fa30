/** Nearest sums of two entries, row by row: the readable twin of assembly/nearest-sum.ts. */

const f = Math.fround;

/** Two books whose entries are added, and what is known of all their sums before any vector comes. */
export interface SumTables {
  readonly unit: number;
  /** Up to 256 entries, [rows, unit]. */
  readonly A: Float32Array;
  /** 4 to 256 entries, a multiple of 4, [columns, unit]. */
  readonly B: Float32Array;
  /** |a|^2, [rows] */
  readonly squareA: Float32Array;
  /** |b|^2 + 2 a.b, [rows, columns] */
  readonly table: Float32Array;
  /** No entry of B is longer. */
  readonly radius: number;
  /** No sum of |a|^2 and |b|^2 is larger. */
  readonly largest: number;
}

/** Part of the squared magnitudes by which a minimum may be wrong: twice what rounding can do in 8 dimensions. */
export const SUM_DOUBT = f(2 ** -17);

/** For each vector x and row a the least |x - a - b|^2 over b. */
export interface NearestSumKernel {
  /** minima[i, a], written; Infinity for rows that cannot hold the nearest sum. */
  rowMinima(vectors: Float32Array, tables: SumTables, minima: Float32Array): void;
}

/** The readable twin. */
export const nearestSumReference: NearestSumKernel = {
  rowMinima(vectors, { unit, A, B, squareA, table, radius, largest }, minima) {
    const rows = squareA.length;
    const columns = B.length / unit;
    const toA = new Float32Array(rows);
    const toB = new Float32Array(columns);
    /** -2 x.e */
    const product = (x: number, book: Float32Array, entry: number) => {
      let sum = 0;
      for (let d = 0; d < unit; d++) sum = f(sum + f(vectors[x + d]! * book[entry * unit + d]!));
      return f(-2 * sum);
    };
    for (let i = 0; i < vectors.length / unit; i++) {
      const x = i * unit;
      let square = 0;
      for (let d = 0; d < unit; d++) square = f(square + f(vectors[x + d]! * vectors[x + d]!));
      for (let b = 0; b < columns; b++) toB[b] = product(x, B, b);
      let start = 0;
      for (let a = 0; a < rows; a++) {
        toA[a] = f(f(square + squareA[a]!) + product(x, A, a));
        if (toA[a]! < toA[start]!) start = a;
      }
      const inRow = (a: number) => {
        let least = Number.POSITIVE_INFINITY;
        for (let b = 0; b < columns; b++) least = Math.min(least, f(table[a * columns + b]! + toB[b]!));
        return f(toA[a]! + least);
      };
      // |x - a - b| is at least |x - a| - radius.
      const doubt = f(SUM_DOUBT * f(square + largest));
      let best = Number.POSITIVE_INFINITY;
      let reach = Number.POSITIVE_INFINITY;
      for (let k = 0; k <= rows; k++) {
        const a = k === 0 ? start : k - 1;
        if (toA[a]! > reach) {
          minima[i * rows + a] = Number.POSITIVE_INFINITY;
          continue;
        }
        const least = inRow(a);
        minima[i * rows + a] = least;
        if (least < best) {
          best = least;
          const far = f(radius + f(Math.sqrt(f(Math.max(0, best) + doubt))));
          reach = f(f(far * far) + doubt);
        }
      }
    }
  },
};
