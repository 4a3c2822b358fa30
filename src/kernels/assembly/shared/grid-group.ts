/**
 * A group of values that share a scale, and the scales that it is tried with. Points are numbered within the group: at
 * most 8; scales: at most 32. There is room behind them: runs of scales are worked on eight at a time.
 */

/** f32 [32]: magnitudes, weights of the scale, weights of the choice of points. */
export const MAGNITUDES = memory.data(32 << 2, 16);
export const WEIGHTS = memory.data(32 << 2, 16);
export const ROOTS = memory.data(32 << 2, 16);

/** f32 [32 + 8]: 1 / scale; what magnitudes are multiplied by to be rounded; the scales. */
export const INVERSES = memory.data(40 << 2, 16);
export const ROUNDERS = memory.data(40 << 2, 16);
export const TRIED = memory.data(40 << 2, 16);

/** i32 [8, 4 + 32 + 12]: codes by point and scale, as rounded and as chosen; before the first stands none. */
const STRIDE: usize = 192;
const ROUNDED = memory.data(8 * 192, 16);
const CHOSEN = memory.data(8 * 192, 16);

// @ts-ignore: decorator
@inline export function roundedAt(point: i32): usize {
  return ROUNDED + <usize>point * STRIDE + 16;
}

// @ts-ignore: decorator
@inline export function chosenAt(point: i32): usize {
  return CHOSEN + <usize>point * STRIDE + 16;
}
