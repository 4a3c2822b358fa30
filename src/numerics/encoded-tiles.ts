import { formats } from './formats/formats.ts';
import type { EncodedRows, NumberFormat, RowLayout } from './formats/number-format.ts';
import type { QuantizedTensor } from './quantized-tensor.ts';
import { type RowTile, rowTiles } from './row-tiles.ts';

/** Number of codes of a layout whose units hold `unit` values; a unit never spans blocks. */
export function codeCount({ rows, length, block }: RowLayout, unit: number): number {
  if (unit === 1) return rows * length;
  const whole = Math.floor(length / block);
  return rows * (whole * Math.ceil(block / unit) + Math.ceil((length - whole * block) / unit));
}

/** A quantized tensor tile by tile, as its format decodes it. */
export function* encodedTiles(q: QuantizedTensor): Generator<{ tile: RowTile; encoded: EncodedRows }> {
  const { unit, bookSize }: NumberFormat = formats[q.scheme.format];
  let codesAt = 0;
  let bookAt = 0;
  for (const tile of rowTiles(q.scheme.granularity, q.dims)) {
    const count = codeCount(tile.layout, unit);
    const scale = tile.gatherScales(q.scale);
    const bookLength = scale.length * bookSize;
    yield {
      tile,
      encoded: {
        codes: unit === 1 ? tile.gather(q.codes) : q.codes.subarray(codesAt, codesAt + count),
        scale,
        ...(q.zeroPoint && { zeroPoint: tile.gatherScales(q.zeroPoint) }),
        ...(q.realZero && { realZero: tile.gatherScales(q.realZero) }),
        ...(q.book && { book: q.book.subarray(bookAt, bookAt + bookLength) }),
      },
    };
    codesAt += count;
    bookAt += bookLength;
  }
}
