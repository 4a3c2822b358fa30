import { affineFromRange, integerCodes } from './affine.ts';
import { formats } from './formats/formats.ts';
import type { Scheme } from './scheme.ts';

/**
 * Scale and zero point that cut a range into the codes of a scheme: activations, mostly. The range is widened to
 * hold 0. For float formats the largest magnitude becomes the largest code and the zero point is 0.
 *
 * @example affineParameters({ min: -1, max: 3 }, { format: 'uint8', granularity: perTensor, symmetric: false })
 * // { scale: 4 / 255, zeroPoint: 64 }
 */
export function affineParameters(
  range: { readonly min: number; readonly max: number },
  scheme: Scheme,
): { scale: number; zeroPoint: number } {
  const format = formats[scheme.format];
  if (format.kind === 'float') {
    const { scale, zeroPoint } = format.fit(Float32Array.of(range.min, range.max), undefined, scheme);
    return { scale, zeroPoint };
  }
  return affineFromRange(range, integerCodes(format.bits, format.minCode < 0, scheme), scheme);
}
