/** IQ2_XXS, IQ2_XS and IQ2_S: eight magnitudes at a time from a grid; the readable twins are ../ggml/<type>.ref.ts. */
import { entryOf, listNeighbours, readPoints } from './shared/grid';
import { bestBlock } from './shared/grid-best';
import { CODES, D, SCALES, SIGNS } from './shared/grid-block';
import { decodePoint8, evenSigns } from './shared/grid-decode';
import { points1024x8, points256x8, points512x8 } from './shared/grid-points';
import { ALWAYS, OFF_GRID, referenceBlock } from './shared/grid-reference';
import { halfValue } from './shared/half';

export * from './shared/block-io';

/** 43776 codes, 1024 points twice, and lists of so many codes and counts. */
const GRID_XXS = memory.data((43776 << 2) + (1024 << 3) + (1024 << 1) + (126000 << 1), 16);
const GRID_XS = memory.data((43776 << 2) + (1024 << 3) + (1024 << 1) + (194000 << 1), 16);
const GRID_S = memory.data((43776 << 2) + (1024 << 3) + (1024 << 1) + (334000 << 1), 16);
/** Where the levels are nearly in line: nearest(SLOPE · level - BELOW) is 0, 1, 2. */
const SLOPE: f32 = <f32>(1.0 / 17.5);
const BELOW: f32 = <f32>(15.5 / 35.0);
const LEVELS = memory.data<u8>([8, 25, 43]);

/** The index of the k-th point of the block. */
// @ts-ignore: decorator
@inline function indexAt(grid: usize, k: usize): i32 {
  return entryOf(grid, load<i32>(CODES + (k << 2)));
}

/** 16 scales of 4 bits. */
// @ts-ignore: decorator
@inline function storeScales(to: usize): void {
  for (let g: usize = 0; g < 16; g += 2)
    store<u8>(to + (g >> 1), load<u8>(SCALES + g) | (load<u8>(SCALES + g, 1) << 4));
}

export function encode_iq2_xxs(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  readPoints<u64>(GRID_XXS, points256x8, LEVELS);
  listNeighbours<u64>(GRID_XXS, points256x8, 2, 2);
  const end = values + ((<usize>rows * <usize>length) << 2);
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 66) {
    const weights = importance + column;
    if (!best || !bestBlock<u64>(GRID_XXS, values, weights, 32, true, LEVELS, SLOPE, BELOW, 0.25))
      referenceBlock<u64>(GRID_XXS, values, weights, 32, true, 6, 0.1, 1, 0, 1e-15, 1, ALWAYS, true);
    store<u16>(bytes, load<u16>(D));
    for (let g: usize = 0; g < 8; g++) {
      let word = <u32>load<u8>(SCALES + g) << 28;
      for (let k: usize = 0; k < 4; k++) {
        store<u8>(bytes + 2 + (g << 3) + k, <u8>indexAt(GRID_XXS, (g << 2) + k));
        word |= <u32>(load<u8>(SIGNS + (g << 2) + k) & 127) << (7 * <u32>k);
      }
      store<u32>(bytes + 6 + (g << 3), word);
    }
    column += 1024;
    if (column == <usize>length << 2) column = 0;
  }
}

export function encode_iq2_xs(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  readPoints<u64>(GRID_XS, points512x8, LEVELS);
  listNeighbours<u64>(GRID_XS, points512x8, 2, 2);
  const end = values + ((<usize>rows * <usize>length) << 2);
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 74) {
    const weights = importance + column;
    if (!best || !bestBlock<u64>(GRID_XS, values, weights, 16, true, LEVELS, SLOPE, BELOW, 0.25))
      referenceBlock<u64>(GRID_XS, values, weights, 16, true, 9, 0.1, 1, 0, 1e-15, 1, OFF_GRID, false);
    store<u16>(bytes, load<u16>(D));
    for (let k: usize = 0; k < 32; k++)
      store<u16>(bytes + 2 + (k << 1), <u16>(indexAt(GRID_XS, k) | ((<i32>load<u8>(SIGNS + k) & 127) << 9)));
    storeScales(bytes + 66);
    column += 1024;
    if (column == <usize>length << 2) column = 0;
  }
}

export function encode_iq2_s(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  readPoints<u64>(GRID_S, points1024x8, LEVELS);
  listNeighbours<u64>(GRID_S, points1024x8, 1, 2);
  const end = values + ((<usize>rows * <usize>length) << 2);
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 82) {
    const weights = importance != 0 ? importance + column : 0;
    if (!best || !bestBlock<u64>(GRID_S, values, weights, 16, false, LEVELS, SLOPE, BELOW, 0.25))
      referenceBlock<u64>(GRID_S, values, weights, 16, false, 9, 0.1, 2, 0.25, 1e-8, 0.9875, OFF_GRID, false);
    store<u16>(bytes, load<u16>(D));
    for (let k: usize = 0; k < 32; k += 4) {
      let high = 0;
      for (let j: usize = 0; j < 4; j++) {
        const index = indexAt(GRID_S, k + j);
        store<u8>(bytes + 2 + k + j, <u8>index);
        high |= (index >> 8) << (<i32>j << 1);
      }
      store<u8>(bytes + 66 + (k >> 2), <u8>high);
    }
    memory.copy(bytes + 34, SIGNS, 32);
    storeScales(bytes + 74);
    column += 1024;
    if (column == <usize>length << 2) column = 0;
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_iq2_xxs(bytes: usize, values: usize, count: i32): void {
  readPoints<u64>(GRID_XXS, points256x8, LEVELS);
  const end = values + (<usize>count << 2);
  for (; values < end; bytes += 66) {
    const d = halfValue(load<u16>(bytes));
    for (let at = bytes + 2; at < bytes + 66; at += 8) {
      const word = load<u32>(at, 4);
      const scale = f32x4.splat(d * (<f32>(word >> 28) + 0.5) * 0.25);
      for (let k: u32 = 0; k < 4; k++, values += 32)
        decodePoint8(GRID_XXS, load<u8>(at + k), scale, evenSigns((word >> (7 * k)) & 127), values);
    }
  }
}

/** The scale of the k-th point of IQ2_XS and IQ2_S. */
// @ts-ignore: decorator
@inline function scaleOf(d: f32, scales: usize, k: usize): v128 {
  const code = (load<u8>(scales + (k >> 2)) >> <u8>((k & 2) << 1)) & 15;
  return f32x4.splat(d * (<f32>code + 0.5) * 0.25);
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_iq2_xs(bytes: usize, values: usize, count: i32): void {
  readPoints<u64>(GRID_XS, points512x8, LEVELS);
  const end = values + (<usize>count << 2);
  for (; values < end; bytes += 74) {
    const d = halfValue(load<u16>(bytes));
    for (let k: usize = 0; k < 32; k++, values += 32) {
      const word = <u32>load<u16>(bytes + 2 + (k << 1));
      decodePoint8(GRID_XS, word & 511, scaleOf(d, bytes + 66, k), evenSigns(word >> 9), values);
    }
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_iq2_s(bytes: usize, values: usize, count: i32): void {
  readPoints<u64>(GRID_S, points1024x8, LEVELS);
  const end = values + (<usize>count << 2);
  for (; values < end; bytes += 82) {
    const d = halfValue(load<u16>(bytes));
    for (let k: usize = 0; k < 32; k++, values += 32) {
      const high = (<u32>load<u8>(bytes + 66 + (k >> 2)) >> (<u32>(k & 3) << 1)) & 3;
      const index = load<u8>(bytes + 2 + k) | (high << 8);
      decodePoint8(GRID_S, index, scaleOf(d, bytes + 74, k), load<u8>(bytes + 34 + k), values);
    }
  }
}
