import type { NumberFormat } from './number-format.ts';
import { schemeOptions } from './scheme-options.ts';
import { type CentredWindow, roundedAs, uniformFormat } from './uniform-format.ts';

const narrow = { rounds: 2, looks: 1, passes: 1 };
const wide = { rounds: 3, looks: 2, passes: 2 };

/**
 * Where the search looks, by bits: around what suits uniform, bell-shaped and Laplace values. One bit is the
 * least-squares fit. Within 0.01 dB of a search of 54 scales up to 4 bits, on normal and Laplace values and on trained
 * weights; 0.05 dB beyond.
 */
const windows: Readonly<Record<number, CentredWindow>> = {
  1: { narrowest: 1, widest: 1, rounds: 0, looks: 0, passes: 1 },
  2: { narrowest: 0.9, widest: 0.9, ...narrow },
  3: { narrowest: 1.3, widest: 1, ...narrow },
  4: { narrowest: 1.8, widest: 1.06, ...narrow },
  5: { narrowest: 2.6, widest: 1.06, ...wide },
  6: { narrowest: 3, widest: 1.06, ...wide },
  7: { narrowest: 3.4, widest: 1.06, ...wide },
  8: { narrowest: 3.4, widest: 1.06, ...wide },
};

/**
 * Mid-rise: evenly many levels at half steps, ..., -1.5, -0.5, 0.5, 1.5, ..., none at 0. The sign of every value is
 * kept, and all 2^bits levels are used; the optimum uniform quantizer of symmetric sources (Max 1960).
 */
function midRise(name: string, bits: number): NumberFormat {
  const half = 2 ** (bits - 1);
  const table = Float32Array.from({ length: 2 * half }, (_, code) => code - half + 0.5);
  return uniformFormat({
    name,
    family: 'mid-rise',
    ...schemeOptions.centred,
    kind: 'levels',
    table: () => table,
    description:
      bits === 1
        ? '1 bit: minus and plus half a step, the sign alone.'
        : `${bits} bits, evenly spaced levels at half steps, none at 0: (code - ${half} + 1/2) * scale.`,
    source: 'Max 1960, Quantizing for minimum distortion; Gersho and Gray 1992, section 5.2',
    dtype: bits <= 2 ? 'uint2' : bits <= 4 ? 'uint4' : 'uint8',
    bits,
    levels: 2 * half,
    minCode: 0,
    maxCode: 2 * half - 1,
    symmetricZero: half,
    signedScale: false,
    hasZero: false,
    defaultRange: bits <= 4 ? 'mse' : 'min-max',
    // One bit: what is near 0 goes as far as the largest value.
    errorBound: bits === 1 ? 1 : 1 / (2 * half - 1),
    parts: new Float32Array(0),
    window: windows[bits]!,
    grid: (choice) => ({
      cells: roundedAs({ shape: 'rise', margin: 0, realZero: false }, choice),
      codes: { minCode: 0, maxCode: 2 * half - 1, symmetricZero: half },
      fixedZero: true,
      bits,
      choice,
    }),
  });
}

/** Evenly spaced levels without zero. */
export const midRiseFormats = {
  midrise1: midRise('midrise1', 1),
  midrise2: midRise('midrise2', 2),
  midrise3: midRise('midrise3', 3),
  midrise4: midRise('midrise4', 4),
  midrise5: midRise('midrise5', 5),
  midrise6: midRise('midrise6', 6),
  midrise7: midRise('midrise7', 7),
  midrise8: midRise('midrise8', 8),
};
