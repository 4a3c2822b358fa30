import { kernels, kernelsNow, type LevelKernel, referenceKernels } from '../../kernels/index.ts';
import type { FitChoice, NumberFormat, RowLayout, ScalarParams } from './number-format.ts';
import { packCodes, unpackCodes } from './pack-codes.ts';
import { type LevelCoder, leastErrorScales } from './scale-search.ts';

/** Fixed levels of at most 8 bits, and how the scale of a block is found. */
export interface ScaledLevels extends LevelCoder {
  readonly bits: number;
  /** Code of one value over its scale. */
  codeOf(x: number): number;
  /** The scale under which every value of a block with this range fits; 0 for a block that counts as zeros. */
  needed(low: number, high: number, choice: FitChoice): number;
  /** A positive scale as it is stored; what a block of zeros has for 0. */
  stored(needed: number, choice: FitChoice): number;
}

type Work = Pick<
  NumberFormat,
  'fit' | 'round' | 'value' | 'createCodes' | 'pack' | 'unpack' | 'encode' | 'encodeUnder' | 'decode'
>;

/**
 * What a format of fixed levels does: real = table[code] * scale, code = that of f32(x / scale). The scale covers
 * every value (any range but `mse`), or is the one of least squared error (`mse`).
 */
export function scaledLevels(levels: ScaledLevels): Work {
  const { bits } = levels;
  const params = (scale: number): ScalarParams => ({
    scale,
    zeroPoint: 0,
    minCode: 0,
    maxCode: 2 ** bits - 1,
  });

  const scalesOf = (
    kernel: LevelKernel,
    values: Float32Array,
    layout: RowLayout,
    importance: Float32Array | undefined,
    choice: FitChoice,
  ): Float32Array => {
    const blocks = layout.rows * Math.ceil(layout.length / layout.block);
    const low = new Float32Array(blocks);
    const high = new Float32Array(blocks);
    kernel.range(values, layout, low, high);
    if (choice.range === 'mse') {
      const full = new Float64Array(blocks);
      for (let at = 0; at < blocks; at++) full[at] = levels.needed(low[at]!, high[at]!, choice);
      const stored = (needed: number) => levels.stored(needed, choice);
      return leastErrorScales(kernel, levels, values, layout, importance, full, stored);
    }
    // In place of the largest values, which are not read again.
    for (let at = 0; at < blocks; at++) {
      high[at] = levels.stored(levels.needed(low[at]!, high[at]!, choice), choice);
    }
    return high;
  };

  return {
    fit(values, importance, choice = {}) {
      const layout = { rows: 1, length: values.length, block: Math.max(1, values.length) };
      const [scale] = scalesOf(referenceKernels.levels, values, layout, importance, choice);
      return params(scale ?? levels.stored(0, choice));
    },
    round: (values, at, { scale }) => levels.codeOf(Math.fround(values[at]! / scale)),
    value(code, { scale }, _unit, out, at) {
      out[at] = levels.table()[code]! * scale;
    },
    createCodes: (count) => new Uint8Array(count),
    pack: (codes) => packCodes(codes, bits),
    unpack: (bytes, count) => unpackCodes(bytes, bits, count, false),

    async encode(values, layout, importance, choice = {}) {
      const kernel = (await kernels()).levels;
      const scale = scalesOf(kernel, values, layout, importance, choice);
      const codes = new Uint8Array(values.length);
      levels.encode(kernel, values, layout, scale, codes);
      return { codes, scale };
    },
    async encodeUnder(values, layout, { scale }) {
      const codes = new Uint8Array(values.length);
      levels.encode((await kernels()).levels, values, layout, scale, codes);
      return codes;
    },
    decode({ codes, scale }, layout) {
      const out = new Float32Array(codes.length);
      kernelsNow().levels.decode(codes as Uint8Array, layout, scale, levels.table(), out);
      return out;
    },
  };
}
