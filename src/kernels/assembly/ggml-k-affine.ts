/** ggml types of 256 values with scales and minima: Q2_K, Q4_K, Q5_K; the readable twins are ../ggml/<type>.ref.ts. */
import { halfValue } from './shared/half';
import { packCodes, packScales4, packScales6, unpackScales6, unpackScales4, valuesNibbles, valuesQ2 } from './shared/k-affine-blocks';
import { halfD, halfMin, roundCodes, storeParameters } from './shared/k-affine-fit';
import { fitGroups } from './shared/k-affine-group';
import { encodePlain, encodeWeighted } from './shared/k-affine-reference';
import { place, W, X } from './shared/k-affine-search';

export * from './shared/block-io';

// Starts of best search, as in the twins: levels and shift.
const STARTS2 = memory.data<f32>([
  3.8, 0.45, 3.4, 0.45, 3.45, 0, 3.6, 0.15, 3.2, 0.45, 2.9, -0.15, 3.25, -0.2, 3.05, 0.1, 2.35, -0.85, 3.6, 0.45, 3.8, 0.35,
  3, -0.45,
], 16);
const STARTS4 = memory.data<f32>([
  15.1, 0.05, 15.25, 0.45, 15.45, 0, 14.3, 0.15, 15.55, 0.45, 15, -0.15, 15.2, -0.25, 14.1, -0.8, 15, 0.15, 14.1, -1.1,
  15.75, 0.35, 13.6, 0.25,
], 16);
const STARTS5 = memory.data<f32>([
  31.4, 0.25, 30.4, 0.2, 31.2, 0.3, 31.2, -0.1, 29.6, -0.7, 30, 0.2, 30.05, -1.15, 30.75, -0.1, 31.2, -0.25, 31.2, 0,
  31.25, 0.45, 29.85, -1.05,
], 16);
// Its neighbours of a stored scale and minimum.
const MOVES2 = memory.data<f32>([0, 0, -1, 0, 1, 0, -1, 1, 1, -1, 0, 1, 0, -1], 16);
const MOVES4 = memory.data<f32>([0, 0, 1, 0, -1, 0, -1, 1, 1, -1], 16);
const MOVES5 = memory.data<f32>([0, 0, 1, 0, -1, 0, 0, 3, 0, -3, 0, 2, 0, -2, 3, -1], 16);

/** Best search of one super-block that is in X, and W where weighted. */
// @ts-ignore: decorator
@inline function fitBest(top: i32, weighted: bool): void {
  const t = <f32>top;
  const starts = top == 3 ? STARTS2 : top == 15 ? STARTS4 : STARTS5;
  const moves = top == 3 ? MOVES2 : top == 15 ? MOVES4 : MOVES5;
  const count: usize = top == 3 ? 7 : top == 15 ? 5 : 8;
  const size: usize = top == 3 ? 16 : 32;
  const groups: usize = top == 3 ? 16 : 8;
  for (let half: usize = 0; half < groups >> 3; half++) fitGroups(half, size, t, weighted, starts, 12);
  storeParameters(groups, size, t, top == 3 ? 15 : 63, weighted, top == 3 ? 0.5 : 1, moves, count);
}
function fitPlain(top: i32): void {
  fitBest(top, false);
}
function fitWeighted(top: i32): void {
  fitBest(top, true);
}

/** Whether any of 256 weights is above zero. */
function anyWeight(importance: usize): bool {
  for (let i: usize = 0; i < 1024; i += 16) {
    if (v128.any_true(f32x4.gt(v128.load(importance + i), f32x4.splat(0)))) return true;
  }
  return false;
}

// @ts-ignore: decorator
@inline function encodeBest(
  values: usize, bytes: usize, blocks: i32, blockBytes: usize, top: i32, importance: usize, length: i32,
): void {
  const size: usize = top == 3 ? 16 : 32;
  const groups: usize = top == 3 ? 16 : 8;
  const rowBytes = <usize>length << 2;
  let column: usize = 0;
  for (let block = 0; block < blocks; block++, values += 1024, bytes += blockBytes) {
    const weighted = importance != 0 && anyWeight(importance + column);
    for (let g: usize = 0; g < groups; g += 8) {
      const to = g << 6;
      place(values + g * (size << 2), size, X + to);
      if (weighted) place(importance + column + g * (size << 2), size, W + to);
    }
    if (weighted) fitWeighted(top);
    else fitPlain(top);
    const halves = bytes + (top == 3 ? 80 : 0);
    store<u16>(halves, <u16>halfD);
    store<u16>(halves, <u16>halfMin, 2);
    if (top == 3) packScales4(bytes);
    else packScales6(bytes + 4);
    roundCodes(values, size, <f32>top, halfValue(halfD), halfValue(halfMin));
    packCodes(bytes, top);
    column += 1024;
    if (column == rowBytes) column = 0;
  }
}

// @ts-ignore: decorator
@inline function encode(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool, blockBytes: usize, top: i32,
): void {
  const blocks = rows * (length >> 8);
  if (best) encodeBest(values, bytes, blocks, blockBytes, top, importance, length);
  else if (importance == 0) encodePlain(values, bytes, blocks, blockBytes, top);
  else encodeWeighted(values, bytes, blocks, blockBytes, top, importance, length);
}

/** values: f32 [rows, length]; bytes: the blocks; importance: f32 [length], or 0. */
export function encode_q2_k(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  encode(values, bytes, rows, length, importance, best, 84, 3);
}

/** As encode_q2_k. */
export function encode_q4_k(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  encode(values, bytes, rows, length, importance, best, 144, 15);
}

/** As encode_q2_k. */
export function encode_q5_k(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  encode(values, bytes, rows, length, importance, best, 176, 31);
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_q2_k(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 84) {
    unpackScales4(bytes);
    valuesQ2(bytes + 16, bytes + 80, values);
  }
}

/** As decode_q2_k. */
export function decode_q4_k(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 144) {
    unpackScales6(bytes + 4);
    valuesNibbles(bytes + 16, 0, bytes, values);
  }
}

/** As decode_q2_k. */
export function decode_q5_k(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 176) {
    unpackScales6(bytes + 4);
    valuesNibbles(bytes + 48, bytes + 16, bytes, values);
  }
}
