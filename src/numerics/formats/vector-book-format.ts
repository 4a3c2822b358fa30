import { kernels } from '../../kernels/index.ts';
import { codeCount } from '../encoded-tiles.ts';
import { bookEntries } from './book-entries.ts';
import { eachBlock } from './each-block.ts';
import type { FormatFamilyName } from './format-families.ts';
import type { FitChoice, NumberFormat, ScalarParams } from './number-format.ts';
import { packCodes, unpackCodes } from './pack-codes.ts';
import { schemeOptions } from './scheme-options.ts';
import type { UnitSearch, VectorCoder } from './vector-coder.ts';

/** What tells one learned book of vectors from another. */
export interface VectorBookRow {
  readonly name: string;
  readonly family: FormatFamilyName;
  readonly description: string;
  readonly source: string;
  /** Where it is not that of the family. */
  readonly runs?: string;
  readonly coder: VectorCoder;
}

/**
 * A format in which a few neighbouring values share one code: an entry of a book learned from each block and stored
 * beside its codes. The last unit of a block is filled up with zeros. A unit takes the entry of least squared
 * distance, the first of equally near ones.
 *
 * Importance counts by the unit: a unit weighs what its values weigh together, because it is rounded as a whole.
 * Entries are stored as float32, or as float16 or bfloat16 when the scheme's scale type says so. Distances are taken
 * at a power of two that brings the book near 1: differences below 2^-60 of the largest magnitude are not seen.
 */
export function vectorBookFormat({ coder, ...row }: VectorBookRow): NumberFormat {
  const { unit, bits, bookSize } = coder;
  const count = 2 ** bits;

  const bookOf = (units: Float32Array, importance: Float32Array | undefined, choice: FitChoice) => {
    const factor = towardsOne(units);
    const near = units.map((x) => x * factor);
    const book = coder.learn(near, unitWeights(importance, unit), choice.seed ?? 0);
    return bookEntries(
      Float64Array.from(book, (x) => x / factor),
      choice,
    );
  };
  const prepared = (book: Float32Array): UnitSearch => {
    const factor = towardsOne(book);
    const search = coder.search(book.map((x) => x * factor));
    return (units, codes) =>
      search(
        units.map((x) => x * factor),
        codes,
      );
  };
  const known = new WeakMap<Float32Array, UnitSearch>();
  const createCodes = (n: number) => (bits > 8 ? new Uint16Array(n) : new Uint8Array(n));
  const one = bits > 8 ? new Uint16Array(1) : new Uint8Array(1);

  return {
    name: row.name,
    family: row.family,
    description: row.description,
    source: row.source,
    ...(row.runs !== undefined && { runs: row.runs }),
    kind: 'book',
    ...schemeOptions.seededBook,
    dtype: bits <= 2 ? 'uint2' : bits <= 4 ? 'uint4' : bits <= 8 ? 'uint8' : 'uint16',
    block: 'free',
    unit,
    bookSize,
    bits,
    bitsPerWeight: bits / unit,
    levels: count,
    minCode: 0,
    maxCode: count - 1,
    symmetricZero: 0,
    scaled: false,
    signedScale: false,
    hasZero: false,
    defaultRange: 'min-max',
    // A single unit far from the others may join an entry at the other end.
    errorBound: 2,

    fit: (values, importance, choice = {}): ScalarParams => ({
      scale: 1,
      zeroPoint: 0,
      minCode: 0,
      maxCode: count - 1,
      book: bookOf(inUnits(values, unit), importance && inUnits(importance, unit), choice),
    }),
    round(values, at, { book }) {
      let search = known.get(book!);
      if (!search) known.set(book!, (search = prepared(book!)));
      search(inUnits(values.subarray(at, at + unit), unit), one);
      return one[0]!;
    },
    value: (code, { book }, _unit, out, at) => coder.value(code, book!, out, at),
    createCodes,
    pack: (codes) => packCodes(codes, bits),
    unpack: (bytes, n) => unpackCodes(bytes, bits, n, false),

    async encode(values, layout, importance, choice = {}) {
      await kernels();
      const blocks = layout.rows * Math.ceil(layout.length / layout.block);
      const codes = createCodes(codeCount(layout, unit));
      const books = new Float32Array(blocks * bookSize);
      let done = 0;
      eachBlock(layout, (from, to, at) => {
        const units = inUnits(values.subarray(from, to), unit);
        const weights = importance && inUnits(importance.subarray(from, to), unit);
        const book = bookOf(units, weights, choice);
        books.set(book, at * bookSize);
        const end = done + units.length / unit;
        prepared(book)(units, codes.subarray(done, end));
        done = end;
      });
      return { codes, scale: new Float32Array(blocks).fill(1), book: books };
    },
    decode({ codes, book }, layout) {
      const out = new Float32Array(layout.rows * layout.length);
      const values = new Float32Array(unit);
      let done = 0;
      eachBlock(layout, (from, to, at) => {
        const own = book!.subarray(at * bookSize, (at + 1) * bookSize);
        for (let i = from; i < to; i += unit) {
          if (i + unit <= to) coder.value(codes[done++]!, own, out, i);
          else {
            coder.value(codes[done++]!, own, values, 0);
            out.set(values.subarray(0, to - i), i);
          }
        }
      });
      return out;
    },
  };
}

/** Filled up with zeros to whole units; the values themselves when they are whole already. */
function inUnits(values: Float32Array, unit: number): Float32Array {
  if (values.length % unit === 0) return values;
  const out = new Float32Array(Math.ceil(values.length / unit) * unit);
  out.set(values);
  return out;
}

/** What each unit weighs; undefined when none weighs anything. */
function unitWeights(importance: Float32Array | undefined, unit: number): Float64Array | undefined {
  if (!importance?.some((w) => w > 0)) return undefined;
  const weights = new Float64Array(importance.length / unit);
  for (let i = 0; i < importance.length; i++) weights[Math.floor(i / unit)]! += importance[i]!;
  return weights;
}

/** The power of two, within 2^+-126, that brings the largest magnitude into (0.5, 1]. */
function towardsOne(values: Float32Array): number {
  let largest = 0;
  for (const x of values) if (Math.abs(x) > largest) largest = Math.abs(x);
  if (largest === 0) return 1;
  return 2 ** Math.max(-126, Math.min(126, -Math.ceil(Math.log2(largest))));
}
