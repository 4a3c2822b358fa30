import { seededRandom } from '../tensor/index.ts';
import { formatFamilies } from './formats/format-families.ts';
import { formats } from './formats/formats.ts';
import type { NumberFormat } from './formats/number-format.ts';
import { bitsPerWeight, blockFormats, type ImportanceUse } from './ggml/block-formats.ts';
import type { RangeSearch } from './ranges.ts';

/** One line of the menu: what can hold a tensor. */
export interface MenuEntry {
  readonly name: string;
  /** Title of its family. */
  readonly family: string;
  /** What the family is about. */
  readonly about: string;
  readonly description: string;
  /** Stored bits per value: scales apart where `block` is 'free', all included elsewhere. */
  readonly bitsPerWeight: number;
  /** Codes that mean a finite real; of ggml's types, which have scales of scales, none is told. */
  readonly levels?: number;
  /** Values that share parameters. */
  readonly block: number | 'free';
  readonly needs: string;
  readonly runs: string;
  /** The same of its family: some widths may have fewer. */
  readonly familyRuns: string;
  readonly source: string;
}

const importanceNeeds: Readonly<Record<ImportanceUse, string>> = {
  required: 'an importance matrix',
  used: 'nothing; better with an importance matrix',
  ignored: 'nothing',
};

/** Everything that a tensor can be stored in: the rows of `formats`, then ggml's types as `gguf:<type>`. */
export function formatMenu(): MenuEntry[] {
  const own = Object.values<NumberFormat>(formats).map((format): MenuEntry => {
    const { title, description, needs, runs } = formatFamilies[format.family];
    return {
      name: format.name,
      family: title,
      about: description,
      description: format.description,
      bitsPerWeight: format.bitsPerWeight,
      levels: format.levels,
      block: format.block,
      needs,
      runs: format.runs ?? runs,
      familyRuns: runs,
      source: format.source,
    };
  });
  const ggml = Object.entries(blockFormats).map(
    ([name, row]): MenuEntry => ({
      name: `gguf:${name}`,
      family: 'blocks of ggml',
      about:
        'The tensor types of llama.cpp: blocks of values with scales, and scales of scales, of their own.',
      description: row.description,
      bitsPerWeight: bitsPerWeight(row),
      block: row.block,
      needs: importanceNeeds[row.importance],
      runs: 'llama.cpp and what is built on it',
      familyRuns: 'llama.cpp and what is built on it',
      source: 'ggml 0.25.1: ggml.h, ggml-common.h',
    }),
  );
  return [...own, ...ggml];
}

/** What one format is, with its levels. */
export interface FormatDetails {
  readonly kind: NumberFormat['kind'];
  readonly bits: number;
  /** Values that share one code. */
  readonly unit: number;
  readonly hasZero: boolean;
  readonly defaultRange: RangeSearch;
  /** Largest move of a value, as a part of its block's largest magnitude (symmetric, min-max). */
  readonly errorBound: number;
  /**
   * Reals of the codes over the largest magnitude, ascending; of codes that hold several values the values of all
   * entries, ascending.
   */
  readonly levels: readonly number[];
  /** The levels were learned from a bell curve, since the format learns them from the tensor. */
  readonly learned: boolean;
}

/** The levels of a format at a largest magnitude of 1. Of learned ones: those of 4096 values of a bell curve. */
export async function formatDetails(name: keyof typeof formats): Promise<FormatDetails> {
  const format: NumberFormat = formats[name];
  const { kind, bits, unit, hasZero, defaultRange, errorBound } = format;
  const facts = { kind, bits, unit, hasZero, defaultRange, errorBound, learned: kind === 'book' };
  const reals =
    kind === 'integer'
      ? Array.from({ length: format.levels }, (_, i) => format.minCode + i - format.symmetricZero)
      : kind === 'book'
        ? await learnedLevels(format)
        : [...format.table!()].filter((x) => Number.isFinite(x));
  const largest = reals.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1;
  const levels = [...new Set(reals.map((x) => x / largest + 0))].sort((a, b) => a - b);
  return { ...facts, levels };
}

async function learnedLevels(format: NumberFormat): Promise<number[]> {
  const random = seededRandom(1);
  const values = Float32Array.from({ length: 4096 }, () => {
    // Box and Muller 1958.
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
  const layout = { rows: 1, length: values.length, block: values.length };
  const decoded = format.decode(await format.encode(values, layout), layout);
  return [...new Set(decoded)];
}
