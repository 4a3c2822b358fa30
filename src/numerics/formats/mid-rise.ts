import type { NumberFormat } from './number-format.ts';
import { schemeOptions } from './scheme-options.ts';
import { roundedAs, uniformFormat } from './uniform-format.ts';

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
