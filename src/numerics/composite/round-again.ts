import { encodedTiles } from '../encoded-tiles.ts';
import { formats } from '../formats/formats.ts';
import type { NumberFormat, ScalarParams } from '../formats/number-format.ts';
import type { Codes, QuantizedTensor } from '../quantized-tensor.ts';

/**
 * The nearest codes of `values` under other scales: `q` keeps its zero points and books, and takes the scales as they
 * are given, row-major over `scaleDims`, and codes chosen for them. Real zero points stay where they are as reals.
 * A scale of 0 makes its whole block 0.
 */
export function roundAgain(values: Float32Array, q: QuantizedTensor, scale: Float32Array): QuantizedTensor {
  const format: NumberFormat = formats[q.scheme.format];
  const { unit, bookSize } = format;
  const codes = new (q.codes.constructor as new (count: number) => Codes)(q.codes.length);
  const realZero = q.realZero?.map((zero, i) => (scale[i] === 0 ? zero : (zero * q.scale[i]!) / scale[i]!));
  const now: QuantizedTensor = { ...q, codes, scale, ...(realZero && { realZero }) };
  const fitted = fittedParams(format, q);
  let codesAt = 0;
  for (const { tile, encoded } of encodedTiles(now)) {
    const reals = tile.gather(values);
    const { rows, length, block } = tile.layout;
    const part = new (q.codes.constructor as new (count: number) => Codes)(encoded.codes.length);
    let at = 0;
    let codeAt = 0;
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * length;
      for (let from = row * length; from < end; from += block, at++) {
        const to = Math.min(from + block, end);
        const step = encoded.scale[at]!;
        const params: ScalarParams = {
          ...fitted,
          scale: step === 0 ? 1 : step,
          zeroPoint: encoded.realZero?.[at] ?? encoded.zeroPoint?.[at] ?? format.symmetricZero,
          ...(encoded.book && { book: encoded.book.subarray(at * bookSize, (at + 1) * bookSize) }),
        };
        const whole = step !== 0 && unit === 1;
        const source = whole ? reals : padded(reals, from, to, unit, step === 0);
        const first = whole ? from : 0;
        const units = Math.ceil((to - from) / unit);
        for (let u = 0; u < units; u++) part[codeAt++] = format.round(source, first + u * unit, params, u);
      }
    }
    if (unit === 1) tile.scatter(part, codes);
    else codes.set(part, codesAt);
    codesAt += part.length;
  }
  return now;
}

/** What a fit says beside scale, zero point and book: codes that the scheme leaves, how it rounds. */
function fittedParams(format: NumberFormat, { scheme }: QuantizedTensor): ScalarParams {
  const { minCode, maxCode } = format;
  if (format.kind === 'book') return { scale: 1, zeroPoint: 0, minCode, maxCode };
  return format.fit(Float32Array.of(1), undefined, { ...scheme, range: 'min-max' });
}

/** Values [from, to) filled up with zeros to whole units; all zeros when the block is to vanish. */
function padded(values: Float32Array, from: number, to: number, unit: number, vanish: boolean): Float32Array {
  const out = new Float32Array(Math.ceil((to - from) / unit) * unit);
  if (!vanish) out.set(values.subarray(from, to));
  return out;
}
