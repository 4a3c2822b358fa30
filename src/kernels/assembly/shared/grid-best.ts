/**
 * Best search for one block of a grid type; the readable twin is ../../ggml/grid-best.ref.ts. A scale stands in one
 * lane: four of them are searched at once.
 */
import { levelCount } from './grid';
import { ALONE_SCALE, chooseD, searchAlone } from './grid-alone';
import { clearBlock, CODES, D, SCALES, SIGNS } from './grid-block';
import { FIRST_FLIPS, NO_FLIP, PLAIN_SIGNS, place, SECOND_FLIPS, splitEights } from './grid-eights';
import { chosenAt, ROUNDERS, TRIED } from './grid-group';
import { costOf, lineA, lineB, linesAt, linesUnder, setLevels } from './grid-lines';
import { roundPoint } from './grid-rounding';
import { choosePoint } from './grid-sweep';
import { halfBits, halfValue } from './half';

const LEAST_ENERGY: f32 = 8.271806125530277e-25; // 2^-80
const MOST_ENERGY: f32 = 1.2089258196146292e24; // 2^80

/** f32 [256]: ones, the weights of blocks without importance. */
const ONES = memory.data(1024, 16);

/** Under each of four scales: i32 codes [8] and signs [4] of a group. */
const GROUP_CODES = memory.data(128, 16);
const GROUP_SIGNS = memory.data(64, 16);
/** f32 [3, 4]: errors and sums of a group. */
const LANES = memory.data(48, 16);

/** Σ w x², from the left. */
function energyOf(values: usize, weights: usize): f32 {
  let sum: f32 = 0;
  for (let i: usize = 0; i < 1024; i += 16) {
    const x = v128.load(values + i);
    const e = f32x4.mul(f32x4.mul(v128.load(weights + i), x), x);
    sum += f32x4.extract_lane(e, 0);
    sum += f32x4.extract_lane(e, 1);
    sum += f32x4.extract_lane(e, 2);
    sum += f32x4.extract_lane(e, 3);
  }
  return sum;
}

// Whether lists are the long ones; the sums of a group under four scales.
let wideLists: bool = false;
let groupA: v128 = f32x4.splat(0);
let groupB: v128 = f32x4.splat(0);

/** Chooses the points of a place under four scales. */
// @ts-ignore: decorator
@inline function chooseFour<P>(grid: usize, weights: usize, k: usize, flip: u32, point: i32, below: f32): void {
  place<P>(weights, k, flip, point);
  roundPoint<P>(point, 1, below);
  choosePoint<P>(grid, point, 4, false, wideLists);
}

/** Eight values of 8 dimensions, k-th of the block and n-th of its group: adds to groupA and groupB. */
function searchEight8(grid: usize, weights: usize, k: usize, n: usize, scale: v128, below: f32): void {
  const first = <u32>load<u8>(FIRST_FLIPS + k);
  const plain = <u32>load<u8>(PLAIN_SIGNS + k);
  chooseFour<u64>(grid, weights, k, first, 0, below);
  linesUnder<u64>(linesAt(0), chosenAt(0));
  let a = lineA;
  let b = lineB;
  let codes = v128.load(chosenAt(0));
  let signs = i32x4.splat(first == NO_FLIP ? plain : plain ^ (1 << first));
  if (first != NO_FLIP) {
    const second = <u32>load<u8>(SECOND_FLIPS + k);
    chooseFour<u64>(grid, weights, k, second, 0, below);
    linesUnder<u64>(linesAt(0), chosenAt(0));
    const less = f32x4.lt(costOf(scale, lineA, lineB), costOf(scale, a, b));
    a = v128.bitselect(lineA, a, less);
    b = v128.bitselect(lineB, b, less);
    codes = v128.bitselect(v128.load(chosenAt(0)), codes, less);
    signs = v128.bitselect(i32x4.splat(plain ^ (1 << second)), signs, less);
  }
  groupA = f32x4.add(groupA, a);
  groupB = f32x4.add(groupB, b);
  v128.store(GROUP_CODES + (n << 4), codes);
  v128.store(GROUP_SIGNS + (n << 4), signs);
}

/** The same of 2 points of 4; a half whose signs stay is searched once. */
function searchEight4(grid: usize, weights: usize, k: usize, n: usize, scale: v128, below: f32): void {
  const first = <u32>load<u8>(FIRST_FLIPS + k);
  const plain = <u32>load<u8>(PLAIN_SIGNS + k);
  chooseFour<u32>(grid, weights, k << 1, first, 0, below);
  chooseFour<u32>(grid, weights, (k << 1) + 1, first, 1, below);
  linesUnder<u32>(linesAt(0), chosenAt(0));
  let a = lineA;
  let b = lineB;
  linesUnder<u32>(linesAt(1), chosenAt(1));
  a = f32x4.add(a, lineA);
  b = f32x4.add(b, lineB);
  let codes = v128.load(chosenAt(0));
  let codes2 = v128.load(chosenAt(1));
  let signs = i32x4.splat(first == NO_FLIP ? plain : plain ^ (1 << first));
  if (first != NO_FLIP) {
    const second = <u32>load<u8>(SECOND_FLIPS + k);
    if (first < 4 || second < 4) chooseFour<u32>(grid, weights, k << 1, second, 0, below);
    if (first >= 4 || second >= 4) chooseFour<u32>(grid, weights, (k << 1) + 1, second, 1, below);
    linesUnder<u32>(linesAt(0), chosenAt(0));
    let otherA = lineA;
    let otherB = lineB;
    linesUnder<u32>(linesAt(1), chosenAt(1));
    otherA = f32x4.add(otherA, lineA);
    otherB = f32x4.add(otherB, lineB);
    const less = f32x4.lt(costOf(scale, otherA, otherB), costOf(scale, a, b));
    a = v128.bitselect(otherA, a, less);
    b = v128.bitselect(otherB, b, less);
    codes = v128.bitselect(v128.load(chosenAt(0)), codes, less);
    codes2 = v128.bitselect(v128.load(chosenAt(1)), codes2, less);
    signs = v128.bitselect(i32x4.splat(plain ^ (1 << second)), signs, less);
  }
  groupA = f32x4.add(groupA, a);
  groupB = f32x4.add(groupB, b);
  v128.store(GROUP_CODES + (n << 5), codes);
  v128.store(GROUP_CODES + (n << 5), codes2, 16);
  v128.store(GROUP_SIGNS + (n << 4), signs);
}

/** Bits of the float16 next to d / unit, neither zero nor Inf. */
function storedD(d: f32, unit: f32): u32 {
  return max<u32>(1, min<u32>(0x7bff, halfBits(d / unit)));
}

/**
 * Fills the block (grid-block.ts) from f32 values [256] and importance [256] or 0; false: that is left to reference
 * search. `size` values share a scale, `levels` (u8) are what levels decode to; see GridFormat in
 * ../../ggml/grid-format.ref.ts.
 */
export function bestBlock<P>(
  grid: usize,
  values: usize,
  importance: usize,
  size: usize,
  even: bool,
  levels: usize,
  slope: f32,
  below: f32,
  unit: f32,
): bool {
  if (load<f32>(ONES) == 0) for (let i: usize = 0; i < 256; i++) store<f32>(ONES + (i << 2), 1);
  setLevels<P>(levels);
  const weights = importance != 0 ? importance : ONES;
  wideLists = importance != 0;
  const energy = energyOf(values, weights);
  if (!(LEAST_ENERGY < energy && MOST_ENERGY > energy)) return false;
  splitEights(values, weights, even);
  const groups: usize = <usize>256 / size;
  const topLevel = <f64>load<u8>(levels + <usize>levelCount<P>() - 1);
  let largest: f32 = 0;
  for (let g: usize = 0; g < groups; g++) {
    searchAlone<P>(grid, weights, g, size, slope, below, topLevel);
    largest = max<f32>(largest, load<f32>(ALONE_SCALE + (g << 2)));
  }
  if (largest == 0) return false;

  clearBlock();
  const bits = storedD(chooseD(groups, largest), unit);
  const d: f32 = halfValue(bits) * unit;
  const inverse: f32 = 1 / d;
  let total: f32 = 0; // the block's error is d (d · curve - total)
  let curve: f32 = 0;
  const eights = size >> 3;
  for (let g: usize = 0; g < groups; g++) {
    const exact: f32 = load<f32>(ALONE_SCALE + (g << 2)) * inverse - 0.5;
    const from = <i32>max<f32>(0, min<f32>(12, floor<f32>(exact) - 1));
    const codes = i32x4.add(i32x4.splat(from), i32x4(0, 1, 2, 3));
    const scale = f32x4.mul(f32x4.splat(d), f32x4.add(f32x4.convert_i32x4_s(codes), f32x4.splat(0.5)));
    v128.store(TRIED, scale);
    v128.store(ROUNDERS, f32x4.div(f32x4.splat(slope), scale));
    groupA = f32x4.splat(0);
    groupB = f32x4.splat(0);
    for (let n: usize = 0; n < eights; n++) {
      if (sizeof<P>() == 8) searchEight8(grid, weights, g * eights + n, n, scale, below);
      else searchEight4(grid, weights, g * eights + n, n, scale, below);
    }
    v128.store(LANES, f32x4.mul(scale, costOf(scale, groupA, groupB)));
    v128.store(LANES, groupA, 16);
    v128.store(LANES, groupB, 32);
    let lane: usize = 0;
    for (let i: usize = 4; i < 16; i += 4) if (load<f32>(LANES + i) < load<f32>(LANES + lane)) lane = i;
    store<u8>(SCALES + g, <u8>(from + (<i32>lane >> 2)));
    const points = size / sizeof<P>();
    for (let k: usize = 0; k < points; k++)
      store<i32>(CODES + ((g * points + k) << 2), load<i32>(GROUP_CODES + (k << 4) + lane));
    for (let n: usize = 0; n < eights; n++)
      store<u8>(SIGNS + g * eights + n, load<u8>(GROUP_SIGNS + (n << 4) + lane));
    const stored: f32 = <f32>(from + (<i32>lane >> 2)) + 0.5;
    total += stored * load<f32>(LANES + lane, 32);
    curve += stored * stored * load<f32>(LANES + lane, 16);
  }
  const again = storedD(<f32>0.5 * (total / curve), unit);
  const other: f32 = halfValue(again) * unit;
  store<u32>(D, other * (other * curve - total) < d * (d * curve - total) ? again : bits);
  return true;
}
