/** IQ3_XXS and IQ3_S: four magnitudes at a time from a grid; the readable twins are ../ggml/<type>.ref.ts. */
import { entryOf, listNeighbours, readPoints } from './shared/grid';
import { bestBlock } from './shared/grid-best';
import { CODES, D, LEFT, SCALES, SIGNS } from './shared/grid-block';
import { decodePoints4, evenSigns } from './shared/grid-decode';
import { points256x4, points512x4 } from './shared/grid-points';
import { ALL, OFF_GRID, referenceBlock } from './shared/grid-reference';
import { halfValue } from './shared/half';

export * from './shared/block-io';

/** 4096 codes, 1024 points twice, and lists of at most 61,200 codes and counts. */
const BYTES: i32 = (4096 << 2) + (1024 << 2) + (1024 << 1) + (61200 << 1);
const GRID_XXS = memory.data(BYTES, 16);
const GRID_S = memory.data(BYTES, 16);
const LEVELS_XXS = memory.data<u8>([4, 12, 20, 28, 36, 44, 52, 62]);
const LEVELS_S = memory.data<u8>([1, 3, 5, 7, 9, 11, 13, 15]);

export function encode_iq3_xxs(
  values: usize,
  bytes: usize,
  rows: i32,
  length: i32,
  importance: usize,
  best: bool,
): void {
  readPoints<u32>(GRID_XXS, points256x4, LEVELS_XXS);
  listNeighbours<u32>(GRID_XXS, points256x4, 2, 4);
  const end = values + ((<usize>rows * <usize>length) << 2);
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 98) {
    const weights = importance != 0 ? importance + column : 0;
    if (!best || !bestBlock<u32>(GRID_XXS, values, weights, 32, true, LEVELS_XXS, 0.125, 0.5, 0.5))
      referenceBlock<u32>(GRID_XXS, values, weights, 32, true, 15, 0.2, 2, 0, 1e-8, 1.0125, OFF_GRID, false);
    store<u16>(bytes, load<u16>(D));
    for (let k: usize = 0; k < 64; k++) store<u8>(bytes + 2 + k, <u8>entryOf(GRID_XXS, load<i32>(CODES + (k << 2))));
    for (let g: usize = 0; g < 8; g++) {
      let word = <u32>load<u8>(SCALES + g) << 28;
      for (let k: usize = 0; k < 4; k++) word |= <u32>(load<u8>(SIGNS + (g << 2) + k) & 127) << (7 * <u32>k);
      store<u32>(bytes + 66 + (g << 2), word);
    }
    column += 1024;
    if (column == <usize>length << 2) column = 0;
  }
}

export function encode_iq3_s(
  values: usize,
  bytes: usize,
  rows: i32,
  length: i32,
  importance: usize,
  best: bool,
): void {
  readPoints<u32>(GRID_S, points512x4, LEVELS_S);
  listNeighbours<u32>(GRID_S, points512x4, 3, 4);
  const end = values + ((<usize>rows * <usize>length) << 2);
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 110) {
    const weights = importance != 0 ? importance + column : 0;
    if (!best || !bestBlock<u32>(GRID_S, values, weights, 32, false, LEVELS_S, 0.5, 0.5, 2))
      referenceBlock<u32>(GRID_S, values, weights, 32, false, 9, 0.2, 2, 0, 1e-45, 1.033, ALL, false);
    memory.fill(bytes, 0, 110);
    store<u16>(bytes, load<u16>(D));
    let at: usize = 0;
    for (let g: usize = 0; g < 8; g++) {
      const scale = bytes + 106 + (g >> 1);
      store<u8>(scale, load<u8>(scale) | (load<u8>(SCALES + g) << <u8>((g & 1) << 2)));
      // ggml leaves these out and moves the next ones up.
      if (load<u8>(LEFT + g) != 0) continue;
      let high = 0;
      for (let k: usize = 0; k < 8; k++) {
        const index = entryOf(GRID_S, load<i32>(CODES + (((g << 3) + k) << 2)));
        store<u8>(bytes + 2 + (at << 3) + k, <u8>index);
        high |= (index >> 8) << <i32>k;
      }
      store<u8>(bytes + 66 + g, <u8>high);
      store<u32>(bytes + 74 + (at << 2), load<u32>(SIGNS + (g << 2)));
      at++;
    }
    column += 1024;
    if (column == <usize>length << 2) column = 0;
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_iq3_xxs(bytes: usize, values: usize, count: i32): void {
  readPoints<u32>(GRID_XXS, points256x4, LEVELS_XXS);
  const end = values + (<usize>count << 2);
  for (; values < end; bytes += 98) {
    const d = halfValue(load<u16>(bytes));
    for (let g: usize = 0; g < 8; g++) {
      const word = load<u32>(bytes + 66 + (g << 2));
      const scale = f32x4.splat(d * (<f32>(word >> 28) + 0.5) * 0.5);
      for (let k: u32 = 0; k < 4; k++, values += 32) {
        const at = bytes + 2 + (g << 3) + (k << 1);
        const signs = evenSigns((word >> (7 * k)) & 127);
        decodePoints4(GRID_XXS, load<u8>(at), load<u8>(at, 1), scale, signs, values);
      }
    }
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_iq3_s(bytes: usize, values: usize, count: i32): void {
  readPoints<u32>(GRID_S, points512x4, LEVELS_S);
  const end = values + (<usize>count << 2);
  for (; values < end; bytes += 110) {
    const d = halfValue(load<u16>(bytes));
    for (let g: usize = 0; g < 8; g++) {
      const code = (load<u8>(bytes + 106 + (g >> 1)) >> <u8>((g & 1) << 2)) & 15;
      const scale = f32x4.splat(d * <f32>((code << 1) + 1));
      const high = <u32>load<u8>(bytes + 66 + g) << 8;
      for (let k: u32 = 0; k < 8; k += 2, values += 32) {
        const at = bytes + 2 + (g << 3) + k;
        const a = load<u8>(at) | ((high >> k) & 256);
        const b = load<u8>(at, 1) | ((high >> (k + 1)) & 256);
        decodePoints4(GRID_S, a, b, scale, load<u8>(bytes + 74 + (g << 2) + (k >> 1)), values);
      }
    }
  }
}
