/** The eights of a block: their magnitudes, their signs, and which signs may change where minus signs must be even. */
import { MAGNITUDES, ROOTS } from './grid-group';
import { makeLines } from './grid-lines';

/** f32 [256]: magnitudes. */
export const VALUES = memory.data(1024, 16);
/** u8 [32]: the signs of eight values; the two that cost least to change, NO_FLIP where none need to. */
export const PLAIN_SIGNS = memory.data(32, 16);
export const FIRST_FLIPS = memory.data(32, 16);
export const SECOND_FLIPS = memory.data(32, 16);
export const NO_FLIP: u32 = 255;
const LOSSES = memory.data(32, 16);

/** Fills VALUES and the signs of all eights. */
export function splitEights(values: usize, weights: usize, even: bool): void {
  const zero = f32x4.splat(0);
  for (let k: usize = 0; k < 32; k++) {
    const at = k << 5;
    const x = v128.load(values + at);
    const y = v128.load(values + at, 16);
    v128.store(VALUES + at, f32x4.abs(x));
    v128.store(VALUES + at, f32x4.abs(y), 16);
    const signs = i32x4.bitmask(f32x4.lt(x, zero)) | (i32x4.bitmask(f32x4.lt(y, zero)) << 4);
    store<u8>(PLAIN_SIGNS + k, <u8>signs);
    let first = NO_FLIP;
    let second = NO_FLIP;
    if (even && (popcnt(signs) & 1) != 0) {
      v128.store(LOSSES, f32x4.mul(v128.load(weights + at), f32x4.abs(x)));
      v128.store(LOSSES, f32x4.mul(v128.load(weights + at, 16), f32x4.abs(y)), 16);
      let least: f32 = Infinity;
      let next: f32 = Infinity;
      for (let i: u32 = 0; i < 8; i++) {
        const loss = load<f32>(LOSSES + (<usize>i << 2));
        if (loss < least) {
          next = least;
          second = first;
          least = loss;
          first = i;
        } else if (loss < next) {
          next = loss;
          second = i;
        }
      }
    }
    store<u8>(FIRST_FLIPS + k, <u8>first);
    store<u8>(SECOND_FLIPS + k, <u8>second);
  }
}

/** Puts the values of point `k` of the block in a place of the sweep; the sign of value `flip` of its eight changes. */
// @ts-ignore: decorator
@inline export function place<P>(weights: usize, k: usize, flip: u32, point: i32): void {
  const from = k * sizeof<P>() * 4;
  const to = <usize>point * sizeof<P>() * 4;
  v128.store(MAGNITUDES + to, v128.load(VALUES + from));
  v128.store(ROOTS + to, v128.load(weights + from));
  if (sizeof<P>() == 8) {
    v128.store(MAGNITUDES + to, v128.load(VALUES + from, 16), 16);
    v128.store(ROOTS + to, v128.load(weights + from, 16), 16);
  }
  const value = sizeof<P>() == 4 ? flip - ((<u32>k & 1) << 2) : flip;
  if (value < sizeof<P>()) {
    const at = MAGNITUDES + to + (<usize>value << 2);
    store<u32>(at, load<u32>(at) ^ 0x80000000);
  }
  makeLines<P>(point);
}
