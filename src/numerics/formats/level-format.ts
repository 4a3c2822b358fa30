import { TINY } from '../../kernels/index.ts';
import { storedScale } from '../affine.ts';
import type { FormatFamilyName } from './format-families.ts';
import type { FitChoice, NumberFormat, RowLayout, ScalarParams } from './number-format.ts';
import { packCodes, unpackCodes } from './pack-codes.ts';

const f = Math.fround;

/** What tells one format of fixed levels from another. */
export interface LevelRow {
  readonly name: string;
  readonly family: FormatFamilyName;
  readonly description: string;
  readonly source: string;
  readonly bits: number;
  /** The real of each code at scale 1, [up to 2^bits], any order; NaN where a code means none. */
  readonly levels: readonly number[];
  /**
   * What the largest magnitude of a block is put on, whatever its sign; values beyond the outermost level of a
   * shorter side saturate. Default: each side reaches its own outermost level and nothing saturates.
   */
  readonly reach?: number;
  /** Default: half the widest gap between neighbours, as a part of the largest magnitude. */
  readonly errorBound?: number;
}

/**
 * A format whose codes mean fixed levels: real = level[code] * scale. The scale puts the largest magnitude on the
 * largest level; a value takes the nearest level, the lower one when two are equally near.
 */
export function levelFormat(row: LevelRow): NumberFormat {
  const { bits } = row;
  const table = new Float32Array(2 ** bits).fill(Number.NaN);
  table.set(row.levels.map(f));
  const order = [...table.keys()].filter((code) => !Number.isNaN(table[code]!));
  order.sort((a, b) => table[a]! - table[b]! || a - b);
  const sorted = Float32Array.from(order, (code) => table[code]!);
  const halfWay = Float32Array.from(
    { length: sorted.length - 1 },
    (_, i) => (sorted[i]! + sorted[i + 1]!) / 2,
  );
  const largest = Math.max(-sorted[0]!, sorted.at(-1)!);
  const widest = sorted.reduce((w, x, i) => (i === 0 ? 0 : Math.max(w, x - sorted[i - 1]!)), 0);
  const lowest = row.reach ?? -sorted[0]!;
  const highest = row.reach ?? sorted.at(-1)!;

  /** The least scale under which every value lies between the outermost levels. */
  const scaleOf = (values: Float32Array, from: number, to: number, choice: FitChoice) => {
    let needed = 0;
    for (let i = from; i < to; i++) {
      const x = values[i]!;
      const reach = x < 0 ? -x / lowest : x / highest;
      if (reach > needed) needed = reach;
    }
    return needed * largest >= TINY ? storedScale(f(needed), largest, choice) : 1;
  };
  const codeOf = (x: number) => {
    let at = 0;
    while (at < halfWay.length && x > halfWay[at]!) at++;
    return order[at]!;
  };

  return {
    name: row.name,
    family: row.family,
    description: row.description,
    source: row.source,
    kind: 'levels',
    table: () => table,
    dtype: bits <= 2 ? 'uint2' : bits <= 4 ? 'uint4' : 'uint8',
    block: 'free',
    unit: 1,
    bookSize: 0,
    bits,
    bitsPerWeight: bits,
    levels: sorted.length,
    minCode: 0,
    maxCode: 2 ** bits - 1,
    symmetricZero: 0,
    scaled: true,
    signedScale: false,
    hasZero: sorted.includes(0),
    defaultRange: 'min-max',
    errorBound: row.errorBound ?? widest / 2 / Math.min(lowest, highest),

    fit: (values, _importance, choice = {}): ScalarParams => ({
      scale: scaleOf(values, 0, values.length, choice),
      zeroPoint: 0,
      minCode: 0,
      maxCode: 2 ** bits - 1,
    }),
    round: (values, at, params) => codeOf(f(values[at]! / params.scale)),
    value(code, params, _unit, out, at) {
      out[at] = table[code]! * params.scale;
    },
    createCodes: (count) => new Uint8Array(count),
    pack: (codes) => packCodes(codes, bits),
    unpack: (bytes, count) => unpackCodes(bytes, bits, count, false),

    async encode(values, layout, _importance, choice = {}) {
      const { rows, length, block } = layout;
      const scale = new Float32Array(rows * Math.ceil(length / block));
      const codes = new Uint8Array(values.length);
      eachBlock(layout, (from, to, at) => {
        const step = scaleOf(values, from, to, choice);
        scale[at] = step;
        for (let i = from; i < to; i++) codes[i] = codeOf(f(values[i]! / step));
      });
      return { codes, scale };
    },
    decode({ codes, scale }, layout) {
      const out = new Float32Array(codes.length);
      eachBlock(layout, (from, to, at) => {
        for (let i = from; i < to; i++) out[i] = table[codes[i]!]! * scale[at]!;
      });
      return out;
    },
  };
}

/** Visits the blocks of a layout in order: values [from, to) and the block's number. */
export function eachBlock(layout: RowLayout, visit: (from: number, to: number, at: number) => void): void {
  let at = 0;
  for (let row = 0; row < layout.rows; row++) {
    const end = (row + 1) * layout.length;
    for (let from = row * layout.length; from < end; from += layout.block) {
      visit(from, Math.min(from + layout.block, end), at++);
    }
  }
}
