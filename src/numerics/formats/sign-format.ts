import { countBelow, kernels, kernelsNow, type LevelTable, TINY } from '../../kernels/index.ts';
import { storedScale } from '../affine.ts';
import { eachBlock } from './each-block.ts';
import type { FormatFamilyName } from './format-families.ts';
import type { FitChoice, NumberFormat, ScalarParams } from './number-format.ts';
import { packCodes, unpackCodes } from './pack-codes.ts';
import { schemeOptions } from './scheme-options.ts';

const f = Math.fround;

/** What tells one format of signs from another. */
export interface SignRow {
  readonly name: string;
  readonly family: FormatFamilyName;
  readonly description: string;
  readonly source: string;
  /** True: codes 0, 1, 2 mean -1, 0, 1 in two bits. False: codes 0, 1 mean -1, 1 in one bit. */
  readonly zero: boolean;
  /** The magnitude that stands for a block's values. `importance` weighs their squared errors. */
  scaleOf(values: Float32Array, importance: Float32Array | undefined): number;
}

/**
 * A format of signs: real = -scale, 0 or scale. What the scale is belongs to the row, not to the largest magnitude;
 * range searches do not apply. Codes are the nearest ones; without a zero, 0 counts as positive, with one, a value
 * half-way goes to 0.
 */
export function signFormat(row: SignRow): NumberFormat {
  const { zero } = row;
  const bits = zero ? 2 : 1;
  const table = Float32Array.from(zero ? [-1, 0, 1, Number.NaN] : [-1, 1]);
  // Values strictly above a threshold get the next code. Just below -1/2 and below 0, so that ties go up to 0.
  const levels: LevelTable = zero
    ? { thresholds: Float32Array.of(-0.5 - 2 ** -24, 0.5), codes: Uint8Array.of(0, 1, 2) }
    : { thresholds: Float32Array.of(-(2 ** -149)), codes: Uint8Array.of(0, 1) };

  const scaleOf = (values: Float32Array, importance: Float32Array | undefined, choice: FitChoice) => {
    const scale = row.scaleOf(values, importance);
    if (scale >= TINY) return storedScale(f(scale), 1, choice);
    // A block of zeros: any scale where there is a zero, else the least that is used.
    return zero ? 1 : storedScale(TINY, 1, choice);
  };

  return {
    name: row.name,
    family: row.family,
    description: row.description,
    source: row.source,
    kind: 'levels',
    ...schemeOptions.signs,
    table: () => table,
    dtype: 'uint2',
    block: 'free',
    unit: 1,
    bookSize: 0,
    bits,
    bitsPerWeight: bits,
    levels: zero ? 3 : 2,
    minCode: 0,
    maxCode: 2 ** bits - 1,
    symmetricZero: 0,
    scaled: true,
    signedScale: false,
    hasZero: zero,
    defaultRange: 'min-max',
    // One large value among zeros keeps next to nothing of itself.
    errorBound: 1,

    fit: (values, importance, choice = {}): ScalarParams => ({
      scale: scaleOf(values, importance, choice),
      zeroPoint: 0,
      minCode: 0,
      maxCode: 2 ** bits - 1,
    }),
    round: (values, at, params) => countBelow(f(values[at]! / params.scale), levels.thresholds),
    value(code, params, _unit, out, at) {
      out[at] = table[code]! * params.scale;
    },
    createCodes: (count) => new Uint8Array(count),
    pack: (codes) => packCodes(codes, bits),
    unpack: (bytes, count) => unpackCodes(bytes, bits, count, false),

    async encode(values, layout, importance, choice = {}) {
      const scale = new Float32Array(layout.rows * Math.ceil(layout.length / layout.block));
      eachBlock(layout, (from, to, at) => {
        scale[at] = scaleOf(values.subarray(from, to), importance?.subarray(from, to), choice);
      });
      const codes = new Uint8Array(values.length);
      (await kernels()).levels.encodeLevels(values, layout, scale, levels, codes);
      return { codes, scale };
    },
    async encodeUnder(values, layout, { scale }) {
      const codes = new Uint8Array(values.length);
      (await kernels()).levels.encodeLevels(values, layout, scale, levels, codes);
      return codes;
    },
    decode({ codes, scale }, layout) {
      const out = new Float32Array(codes.length);
      kernelsNow().levels.decode(codes as Uint8Array, layout, scale, table, out);
      return out;
    },
  };
}
