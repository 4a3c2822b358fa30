import { kernelsNow } from '../../kernels/index.ts';
import { additiveBooks } from '../clustering/additive-books.ts';
import { kMeansVectors } from '../clustering/learn-vectors.ts';
import { sumSearch } from '../clustering/nearest-sum.ts';

/** Chooses the codes of units, [count, unit], under one book. */
export type UnitSearch = (units: Float32Array, codes: Uint8Array | Uint16Array) => void;

/** How the units of a block share codes: what a book holds, how it is learned, and what a code means in it. */
export interface VectorCoder {
  readonly unit: number;
  /** Bits of one code. */
  readonly bits: number;
  /** Floats of one book. */
  readonly bookSize: number;
  /** A book for units of magnitudes up to 1. `weights`: [count], not negative, one positive. */
  learn(units: Float32Array, weights: Float64Array | undefined, seed: number): Float32Array;
  /** Prepares a book of magnitudes up to 2: the codes whose values lie nearest. */
  search(book: Float32Array): UnitSearch;
  value(code: number, book: Float32Array, out: Float32Array, at: number): void;
}

/**
 * Product quantization: the unit in `parts` parts of equal length, each with a book of 2^bits entries of its own; the
 * first part's code in the lowest bits. One part is plain vector quantization. Book: [parts, 2^bits, unit / parts].
 * Jégou et al. 2011, "Product quantization for nearest neighbor search".
 */
export function productCoder(unit: number, bits: number, parts: number): VectorCoder {
  const entries = 2 ** bits;
  const length = unit / parts;
  const size = entries * length;
  const partOf = (units: Float32Array, part: number) => {
    if (parts === 1) return units;
    const out = new Float32Array(units.length / parts);
    for (let i = 0; i < out.length / length; i++) {
      for (let d = 0; d < length; d++) out[i * length + d] = units[i * unit + part * length + d]!;
    }
    return out;
  };
  return {
    unit,
    bits: bits * parts,
    bookSize: parts * size,
    learn(units, weights, seed) {
      const books = new Float32Array(parts * size);
      for (let part = 0; part < parts; part++) {
        const { book } = kMeansVectors(partOf(units, part), weights, length, entries, seed + part);
        const at = part * size;
        books.set(book, at);
        // With fewer different vectors than entries the last one stands in the places left over.
        for (let i = book.length; i < size; i++) books[at + i] = books[at + i - length] ?? 0;
      }
      return books;
    },
    search: (books) => (units, codes) => {
      const found = new Uint8Array(codes.length);
      codes.fill(0);
      for (let part = 0; part < parts; part++) {
        const book = books.subarray(part * size, (part + 1) * size);
        kernelsNow().nearestVector.codes(partOf(units, part), book, length, found);
        for (let i = 0; i < codes.length; i++) codes[i]! |= found[i]! << (part * bits);
      }
    },
    value(code, book, out, at) {
      for (let part = 0; part < parts; part++) {
        const from = part * size + ((code >> (part * bits)) & (entries - 1)) * length;
        for (let d = 0; d < length; d++) out[at + part * length + d] = book[from + d]!;
      }
    },
  };
}

/**
 * Residual (additive) quantization: one entry from each of `stages` books is added, in the order of the stages; the
 * first stage's code in the lowest bits. Book: [stages, 2^bits, unit].
 */
export function additiveCoder(unit: number, bits: number, stages: number): VectorCoder {
  const entries = 2 ** bits;
  return {
    unit,
    bits: bits * stages,
    bookSize: stages * entries * unit,
    learn: (units, weights, seed) => additiveBooks(units, weights, unit, bits, stages, seed),
    search(books) {
      const search = sumSearch(books, stages, bits, unit);
      return (units, codes) => search.codes(units, codes);
    },
    value(code, book, out, at) {
      const half = Math.ceil(stages / 2);
      for (let d = 0; d < unit; d++) {
        // In doubles, each half of the stages by itself: as the search adds them.
        let [first, second] = [0, 0];
        for (let stage = 0; stage < stages; stage++) {
          const entry = (stage << bits) + ((code >> (stage * bits)) & (entries - 1));
          if (stage < half) first += book[entry * unit + d]!;
          else second += book[entry * unit + d]!;
        }
        out[at + d] = first + second;
      }
    },
  };
}
