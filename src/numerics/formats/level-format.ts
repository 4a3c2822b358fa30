import { countBelow, type LevelTable, TINY } from '../../kernels/index.ts';
import { storedScale } from '../affine.ts';
import type { FormatFamilyName } from './format-families.ts';
import type { NumberFormat } from './number-format.ts';
import { scaledLevels } from './scaled-levels.ts';
import { schemeOptions } from './scheme-options.ts';

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
 * largest level; a value takes the nearest level, the lower one when two are equally near. `range: 'mse'` searches
 * the scale of least squared error instead; other ranges are min-max here.
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
  const levels: LevelTable = { thresholds: halfWay, codes: Uint8Array.from(order) };
  const largest = Math.max(-sorted[0]!, sorted.at(-1)!);
  const widest = sorted.reduce((w, x, i) => (i === 0 ? 0 : Math.max(w, x - sorted[i - 1]!)), 0);
  const lowest = row.reach ?? -sorted[0]!;
  const highest = row.reach ?? sorted.at(-1)!;

  const work = scaledLevels({
    bits,
    table: () => table,
    codeOf: (x) => order[countBelow(x, halfWay)]!,
    encode: (kernel, values, layout, scale, codes) =>
      kernel.encodeLevels(values, layout, scale, levels, codes),
    needed(low, high) {
      const below = low < 0 ? -low / lowest : 0;
      const above = high > 0 ? high / highest : 0;
      const needed = Math.max(below, above);
      return needed * largest >= TINY ? needed : 0;
    },
    stored: (needed, choice) => (needed > 0 ? storedScale(f(needed), largest, choice) : 1),
  });

  return {
    name: row.name,
    family: row.family,
    description: row.description,
    source: row.source,
    kind: 'levels',
    ...schemeOptions.levels,
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

    ...work,
  };
}
