import type { NumberFormat } from './number-format.ts';
import { schemeOptions } from './scheme-options.ts';
import { type CentredWindow, roundedAs, uniformFormat } from './uniform-format.ts';

/** Width of the cell of 0, in steps: twice the others, as JPEG 2000 has it. 1 would be plain integers. */
const ZERO_CELL = 2;

const narrow = { rounds: 3, looks: 1, passes: 0 };
const wide = { rounds: 3, looks: 2, passes: 2 };

/**
 * Where the search looks, by bits: around what suits uniform, bell-shaped and Laplace values. A level is not the
 * nearest one of all that its cell holds, so the error goes up and down with the scale and fits rarely help.
 * Up to 4 bits within 0.05 dB of a search of 54 scales, on normal and Laplace values and on trained weights.
 */
const windows: Readonly<Record<number, CentredWindow>> = {
  2: { narrowest: 1, widest: 0.9, ...narrow },
  3: { narrowest: 1.8, widest: 0.97, ...narrow },
  4: { narrowest: 2.1, widest: 1.03, ...narrow },
  5: { narrowest: 2.6, widest: 1.06, ...wide },
  6: { narrowest: 3, widest: 1.06, ...wide },
  7: { narrowest: 3.4, widest: 1.06, ...wide },
  8: { narrowest: 3.4, widest: 1.06, ...wide },
};

/**
 * Dead zone: |x| below `zeroCell` / 2 steps becomes 0, beyond it cells are one step wide and levels in their middles:
 *   k = sign(x) floor(|x| / s + 1 - zeroCell / 2),   level = sign(k) (|k| + (zeroCell - 1) / 2) s
 * More zeros, so fewer bits after entropy coding (Sullivan 1996, "Efficient scalar quantization of exponential and
 * Laplacian random variables"; ISO/IEC 15444-1, annex E). Codes are k + 2^(bits - 1); code 0 means nothing.
 * In a tie (an end of a cell) the rounding of the scheme decides.
 */
export function deadZoneFormat(name: string, bits: number, zeroCell: number): NumberFormat {
  const middle = 2 ** (bits - 1);
  const margin = (zeroCell - 1) / 2;
  const outermost = middle - 1 + margin;
  const table = Float32Array.from({ length: 2 * middle }, (_, code) => {
    const k = code - middle;
    return code === 0 ? Number.NaN : k + Math.sign(k) * margin;
  });
  return uniformFormat({
    name,
    family: 'dead-zone',
    ...schemeOptions.centred,
    kind: 'levels',
    table: () => table,
    description: `${bits} bits, evenly spaced levels around a cell of 0 that is ${zeroCell} steps wide.`,
    source: 'Sullivan 1996, IEEE Trans. Inf. Theory 42(5); ISO/IEC 15444-1 annex E',
    dtype: bits <= 2 ? 'uint2' : bits <= 4 ? 'uint4' : 'uint8',
    bits,
    levels: 2 * middle - 1,
    minCode: 0,
    maxCode: 2 * middle - 1,
    symmetricZero: middle,
    signedScale: false,
    hasZero: true,
    defaultRange: bits <= 4 ? 'mse' : 'min-max',
    errorBound: zeroCell / 2 / outermost,
    parts: new Float32Array(0),
    window: windows[bits]!,
    grid: (choice) => ({
      cells: roundedAs({ shape: 'dead-zone', margin, realZero: false }, choice),
      codes: { minCode: 1, maxCode: 2 * middle - 1, symmetricZero: middle },
      fixedZero: true,
      bits,
      choice,
    }),
  });
}

/** Evenly spaced levels with a wide zero. */
export const deadZoneFormats = {
  deadzone2: deadZoneFormat('deadzone2', 2, ZERO_CELL),
  deadzone3: deadZoneFormat('deadzone3', 3, ZERO_CELL),
  deadzone4: deadZoneFormat('deadzone4', 4, ZERO_CELL),
  deadzone5: deadZoneFormat('deadzone5', 5, ZERO_CELL),
  deadzone6: deadZoneFormat('deadzone6', 6, ZERO_CELL),
  deadzone7: deadZoneFormat('deadzone7', 7, ZERO_CELL),
  deadzone8: deadZoneFormat('deadzone8', 8, ZERO_CELL),
};
