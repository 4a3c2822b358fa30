import { encodedTiles } from '../encoded-tiles.ts';
import { eachBlock } from '../formats/each-block.ts';
import { formats } from '../formats/formats.ts';
import type {
  EncodedRows,
  FitChoice,
  NumberFormat,
  RowLayout,
  ScalarParams,
} from '../formats/number-format.ts';
import type { Codes, QuantizedTensor } from '../quantized-tensor.ts';

/**
 * The nearest codes of `values` under other scales: `q` keeps its zero points and books, and takes the scales as they
 * are given, row-major over `scaleDims`, and codes chosen for them. Real zero points stay where they are as reals.
 * A scale of 0 makes its whole block 0. `roundUp`: as quantizeTensor was told.
 */
export async function roundAgain(
  values: Float32Array,
  q: QuantizedTensor,
  scale: Float32Array,
  roundUp?: Uint8Array,
): Promise<QuantizedTensor> {
  const format: NumberFormat = formats[q.scheme.format];
  const codes = format.createCodes(q.codes.length);
  const realZero = q.realZero?.map((zero, i) => (scale[i] === 0 ? zero : (zero * q.scale[i]!) / scale[i]!));
  const now: QuantizedTensor = { ...q, codes, scale, ...(realZero && { realZero }) };
  let codesAt = 0;
  let firstValue = 0;
  for (const { tile, encoded } of encodedTiles(now)) {
    const choice = { ...q.scheme, firstValue, ...(roundUp && { roundUp: tile.gather(roundUp) }) };
    const given = withoutZeros(tile.gather(values), tile.layout, encoded);
    const part = format.encodeUnder
      ? await format.encodeUnder(given.values, tile.layout, given.encoded, choice)
      : codesByRound(format, given.values, tile.layout, given.encoded, choice);
    if (format.unit === 1) tile.scatter(part, codes);
    else codes.set(part, codesAt);
    codesAt += part.length;
    firstValue += given.values.length;
  }
  return now;
}

/** Blocks of scale 0 become blocks of zeros of scale 1. */
function withoutZeros(values: Float32Array, layout: RowLayout, encoded: EncodedRows) {
  if (!encoded.scale.includes(0)) return { values, encoded };
  const kept = values.slice();
  eachBlock(layout, (from, to, at) => {
    if (encoded.scale[at] === 0) kept.fill(0, from, to);
  });
  return { values: kept, encoded: { ...encoded, scale: encoded.scale.map((scale) => scale || 1) } };
}

/** The codes of one tile, value by value. */
export function codesByRound(
  format: NumberFormat,
  values: Float32Array,
  layout: RowLayout,
  given: Omit<EncodedRows, 'codes'>,
  choice: FitChoice,
): Codes {
  const { unit, bookSize } = format;
  const fitted = fittedParams(format, choice);
  const codes: number[] = [];
  eachBlock(layout, (from, to, at) => {
    const params: ScalarParams = {
      ...fitted,
      scale: given.scale[at]!,
      zeroPoint: given.realZero?.[at] ?? given.zeroPoint?.[at] ?? format.symmetricZero,
      ...(given.book && { book: given.book.subarray(at * bookSize, (at + 1) * bookSize) }),
      ...(fitted.rounding && {
        rounding: {
          ...fitted.rounding,
          firstValue: (choice.firstValue ?? 0) + from,
          ...(choice.roundUp && { roundUp: choice.roundUp.subarray(from, to) }),
        },
      }),
    };
    // The last unit of a block is filled up with zeros.
    const block = new Float32Array(Math.ceil((to - from) / unit) * unit);
    block.set(values.subarray(from, to));
    for (let i = 0, u = 0; i < block.length; i += unit, u++) codes.push(format.round(block, i, params, u));
  });
  const out = format.createCodes(codes.length);
  out.set(codes);
  return out;
}

/** What a fit says beside scale, zero point and book: codes that the scheme leaves, how it rounds. */
function fittedParams(format: NumberFormat, choice: FitChoice): ScalarParams {
  const { minCode, maxCode } = format;
  if (format.kind === 'book') return { scale: 1, zeroPoint: 0, minCode, maxCode };
  return format.fit(Float32Array.of(1), undefined, { ...choice, range: 'min-max' });
}
