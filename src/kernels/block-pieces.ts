import type { BlockLayout } from './affine.ref.ts';

/** A run of values that is one layout of at most `tile` values, and where its scales begin. */
export interface BlockPiece extends BlockLayout {
  readonly from: number;
  readonly scaleFrom: number;
}

/**
 * Cuts a layout into pieces of at most `tile` values: whole rows together, a long row between its blocks, a block
 * that is longer than a tile into parts that have the same scale.
 */
export function* blockPieces({ rows, length, block }: BlockLayout, tile: number): Generator<BlockPiece> {
  if (length === 0) return;
  const perRow = Math.ceil(length / block);
  if (length <= tile) {
    const step = Math.floor(tile / length);
    for (let row = 0; row < rows; row += step) {
      const from = row * length;
      yield { rows: Math.min(step, rows - row), length, block, from, scaleFrom: row * perRow };
    }
    return;
  }
  const whole = Math.floor(tile / block) * block;
  for (let row = 0; row < rows; row++) {
    const [first, scales] = [row * length, row * perRow];
    if (whole > 0) {
      for (let at = 0; at < length; at += whole) {
        const part = Math.min(whole, length - at);
        yield { rows: 1, length: part, block, from: first + at, scaleFrom: scales + at / block };
      }
      continue;
    }
    for (let start = 0, scaleFrom = scales; start < length; start += block, scaleFrom++) {
      const end = Math.min(start + block, length);
      for (let at = start; at < end; at += tile) {
        const part = Math.min(tile, end - at);
        yield { rows: 1, length: part, block: part, from: first + at, scaleFrom };
      }
    }
  }
}
