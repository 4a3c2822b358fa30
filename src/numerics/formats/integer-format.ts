import { integerCodes } from '../affine.ts';
import type { NumberFormat } from './number-format.ts';
import { schemeOptions } from './scheme-options.ts';
import { roundedAs, uniformFormat } from './uniform-format.ts';

const grid = (first: number, step: number, count: number) =>
  Float32Array.from({ length: count }, (_, i) => first - step * i);

/**
 * Parts of the full range that the search starts from, by bits. Few and wide for narrow codes, where the best clip
 * may be half of the range and least squares does the rest; near 1 for 8 bits. On the weights of a trained encoder
 * four times as many lower the squared error by 0.3 %. More than 8 bits have nothing to gain.
 */
function searchedParts(bits: number): Float32Array {
  if (bits <= 4) return grid(1.12, 0.06, 12);
  return bits <= 8 ? grid(1.01, [0.03, 0.02, 0.015, 0.01][bits - 5]!, 12) : new Float32Array(0);
}

/**
 * Who runs the widths that are not computed with as they are. Weights reach ONNX with codes of 1 to 8 bits: other
 * widths than 4 and 8 as bytes that are decoded at load; 16 bits are for activations.
 */
function runsOf(bits: number, signed: boolean): { runs?: string } {
  if (bits === 4 || bits === 8) return {};
  if (bits === 2) return { runs: 'ONNX Runtime, decoded at load or by MatMulNBits' };
  if (bits === 16) {
    const by = signed ? 'TFLite' : 'ONNX Runtime (QDQ)';
    return { runs: `${by}, as activations; weights in files of lowbit only` };
  }
  return { runs: bits < 8 ? 'ONNX Runtime, decoded at load' : 'files of lowbit only' };
}

/** The narrowest tensor type that holds the codes. */
function storedType(bits: number, signed: boolean) {
  const width = bits <= 2 ? 2 : bits <= 4 ? 4 : bits <= 8 ? 8 : 16;
  return `${signed ? 'int' : 'uint'}${width}` as const;
}

/**
 * The row of an affine integer format: code = clamp(nearest(x / scale) + zeroPoint), as ONNX QuantizeLinear.
 *
 * One bit holds real 0 and one level beside it, on the side of the larger values: the sign of the scale, or a free
 * zero point, says which. With a real zero point the two levels lie anywhere.
 */
export function integerFormat(name: string, bits: number, signed: boolean): NumberFormat {
  const own = integerCodes(bits, signed);
  return uniformFormat({
    name,
    family: 'integer',
    ...runsOf(bits, signed),
    ...(bits > 2 ? schemeOptions.integers : schemeOptions.narrowIntegers),
    kind: 'integer',
    description:
      bits === 1
        ? `1 bit, codes ${own.minCode} and ${own.maxCode}: real 0 and one level on the larger side, whose sign is the scale's.`
        : `${bits}-bit ${signed ? 'signed' : 'unsigned'} integers: real = (code - zeroPoint) * scale.`,
    source: 'ONNX QuantizeLinear-25; Jacob et al. 2018, arXiv 1712.05877',
    dtype: storedType(bits, signed),
    bits,
    levels: 2 ** bits,
    minCode: own.minCode,
    maxCode: own.maxCode,
    symmetricZero: own.symmetricZero,
    // Narrow formats win a whole code by it; from 8 bits on the gain is below the noise and readers expect scale > 0.
    signedScale: bits <= 4,
    hasZero: true,
    defaultRange: bits <= 4 ? 'mse' : 'min-max',
    // One bit: the other side of zero goes to 0.
    errorBound: bits === 1 ? 1 : 0.5 / (2 ** (bits - 1) - 1),
    parts: searchedParts(bits),

    grid(choice) {
      const symmetric = choice.symmetric ?? true;
      return {
        cells: roundedAs(
          { shape: 'tread', margin: 0, realZero: choice.zero === 'real' && !symmetric },
          choice,
        ),
        codes: integerCodes(bits, signed, { ...choice, symmetric }),
        fixedZero: symmetric,
        bits: bits - (choice.reduced && bits > 2 ? 1 : 0),
        choice: { ...choice, symmetric },
      };
    },
  });
}
