import { kernels, nearestLevelRef, thresholdsOf } from '../../kernels/index.ts';
import { bookEntries } from './book-entries.ts';
import { eachBlock } from './each-block.ts';
import type { FormatFamilyName } from './format-families.ts';
import type { FitChoice, NumberFormat, ScalarParams } from './number-format.ts';
import { packCodes, unpackCodes } from './pack-codes.ts';
import { schemeOptions } from './scheme-options.ts';

/** What tells one learned book of single values from another. */
export interface CodeBookRow {
  readonly name: string;
  readonly family: FormatFamilyName;
  readonly description: string;
  readonly source: string;
  /** 1 to 8. */
  readonly bits: number;
  /** Up to `count` levels for finite values, ascending. `importance` counts squared errors. */
  learn(values: Float32Array, importance: Float32Array | undefined, count: number): Float64Array;
}

/**
 * A format whose levels are learned from each block and stored beside its codes: real = book[code]. A value takes the
 * nearest level, the lower one when two are equally near.
 *
 * The book is ascending. It is stored as float32, or as float16 or bfloat16 when the scheme's scale type says so;
 * the other scale types are for scales alone. Where a block has fewer distinct values than levels they are the
 * book, nothing is lost, and the last one stands in the places left over.
 */
export function codeBookFormat(row: CodeBookRow): NumberFormat {
  const { bits } = row;
  const size = 2 ** bits;
  const bookOf = (values: Float32Array, importance: Float32Array | undefined, choice: FitChoice) =>
    filled(bookEntries(row.learn(values, importance, size), choice), size);

  return {
    name: row.name,
    family: row.family,
    description: row.description,
    source: row.source,
    kind: 'book',
    ...schemeOptions.book,
    dtype: bits <= 2 ? 'uint2' : bits <= 4 ? 'uint4' : 'uint8',
    block: 'free',
    unit: 1,
    bookSize: size,
    bits,
    bitsPerWeight: bits,
    levels: size,
    minCode: 0,
    maxCode: size - 1,
    symmetricZero: 0,
    scaled: false,
    signedScale: false,
    hasZero: false,
    defaultRange: 'min-max',
    // A single value far from the others may join the level at the other end.
    errorBound: 2,

    fit: (values, importance, choice = {}): ScalarParams => ({
      scale: 1,
      zeroPoint: 0,
      minCode: 0,
      maxCode: size - 1,
      book: bookOf(values, importance, choice),
    }),
    round(values, at, { book }) {
      nearestLevelRef(values.subarray(at, at + 1), thresholds(book!, size), one);
      return one[0]!;
    },
    value(code, { book }, _unit, out, at) {
      out[at] = book![code]!;
    },
    createCodes: (count) => new Uint8Array(count),
    pack: (codes) => packCodes(codes, bits),
    unpack: (bytes, count) => unpackCodes(bytes, bits, count, false),

    async encode(values, layout, importance, choice = {}) {
      const { nearestLevel } = await kernels();
      const count = layout.rows * Math.ceil(layout.length / layout.block);
      const codes = new Uint8Array(values.length);
      const book = new Float32Array(count * size);
      const limits = new Float32Array(count * size);
      eachBlock(layout, (from, to, at) => {
        const levels = bookOf(values.subarray(from, to), importance?.subarray(from, to), choice);
        book.set(levels, at * size);
        limits.set(thresholdsOf(levels, size), at * size);
      });
      nearestLevel.codes(values, layout, limits, size, codes);
      return { codes, scale: new Float32Array(count).fill(1), book };
    },
    async encodeUnder(values, layout, { book }) {
      const codes = new Uint8Array(values.length);
      const limits = new Float32Array(book!.length);
      for (let at = 0; at < limits.length; at += size)
        limits.set(thresholdsOf(book!.subarray(at, at + size), size), at);
      (await kernels()).nearestLevel.codes(values, layout, limits, size, codes);
      return codes;
    },
    decode({ codes, book }, { rows, length, block }) {
      const out = new Float32Array(codes.length);
      const levels = book!;
      let first = 0;
      for (let row = 0; row < rows; row++) {
        const end = (row + 1) * length;
        for (let from = row * length; from < end; from += block, first += size) {
          const to = Math.min(from + block, end);
          for (let i = from; i < to; i++) out[i] = levels[first + codes[i]!]!;
        }
      }
      return out;
    },
  };
}

const one = new Uint8Array(1);
const known = new WeakMap<Float32Array, Float32Array>();

/** The thresholds of a book, worked out once. */
function thresholds(book: Float32Array, size: number): Float32Array {
  let found = known.get(book);
  if (!found) known.set(book, (found = thresholdsOf(book, size)));
  return found;
}

/** `levels`: ascending, as stored. Distinct ones first, the last one in the places left over. */
function filled(levels: Float32Array, size: number): Float32Array {
  const book = new Float32Array(size);
  let count = 0;
  for (const level of levels) if (count === 0 || level !== book[count - 1]) book[count++] = level;
  return book.fill(book[Math.max(0, count - 1)]!, count);
}
