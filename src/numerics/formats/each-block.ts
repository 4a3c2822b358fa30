import type { RowLayout } from './number-format.ts';

/** Visits the blocks of a layout in order: values [from, to) and the block's number. */
export function eachBlock(layout: RowLayout, visit: (from: number, to: number, at: number) => void): void {
  let at = 0;
  for (let row = 0; row < layout.rows; row++) {
    const end = (row + 1) * layout.length;
    for (let from = row * layout.length; from < end; from += layout.block) {
      visit(from, Math.min(from + layout.block, end), at++);
    }
  }
}
