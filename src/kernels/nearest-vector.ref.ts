/** Nearest of up to 256 entries in 1 to 8 dimensions: the readable twin of assembly/nearest-vector.ts. */

const f = Math.fround;

/** Vectors to the numbers of their nearest entries. */
export interface NearestVectorKernel {
  /**
   * codes[i] = the entry of least squared distance to vector i, the first of equally near ones, written.
   * Distances are summed in float32, dimension by dimension: magnitudes must lie within 2^+-60.
   */
  codes(
    vectors: Float32Array, // [count, unit]
    book: Float32Array, // [entries, unit]
    unit: number,
    codes: Uint8Array, // [count]
  ): void;
}

/** The readable twin. */
export const nearestVectorReference: NearestVectorKernel = {
  codes(vectors, book, unit, codes) {
    const entries = book.length / unit;
    for (let i = 0; i < codes.length; i++) {
      let least = Number.POSITIVE_INFINITY;
      let code = 0;
      for (let entry = 0; entry < entries; entry++) {
        let distance = 0;
        for (let d = 0; d < unit; d++) {
          const off = f(vectors[i * unit + d]! - book[entry * unit + d]!);
          distance = f(distance + f(off * off));
        }
        if (distance < least) {
          least = distance;
          code = entry;
        }
      }
      codes[i] = code;
    }
  },
};
