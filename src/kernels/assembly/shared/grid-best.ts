/**
 * Best search for one block of a grid type; the readable twin is ../../ggml/grid-best.ref.ts. A scale stands in one
 * lane: eight of them where a group is searched alone, four where d is known.
 */
import { levelCount } from './grid';
import { clearBlock, CODES, D, SCALES, SIGNS } from './grid-block';
import {
  choosePoint,
  chosenAt,
  LEVELS,
  lineOf,
  linesAt,
  MAGNITUDES,
  makeLines,
  ROOTS,
  ROUNDERS,
  roundPoint,
  TRIED,
} from './grid-sweep';
import { halfBits, halfValue } from './half';

/** f32 [8], parts of largest magnitude / largest level; f32 [24], where the largest 4-bit scale would be, and 1/2. */
const TRIALS = memory.data<f64>([0.53, 0.64, 0.75, 0.86, 0.97, 1.08, 1.19, 1.3]);
const TOPS = memory.data(24 << 2, 16);
const LEAST_ENERGY: f32 = 8.271806125530277e-25; // 2^-80
const MOST_ENERGY: f32 = 1.2089258196146292e24; // 2^80

/** f32 [256]: ones, for blocks without importance; magnitudes. */
const ONES = memory.data(1024, 16);
const VALUES = memory.data(1024, 16);
/** u8 [32]: the signs of eight values; which two may change theirs, 255: none. */
const PLAIN_SIGNS = memory.data(32, 16);
const FIRST_FLIPS = memory.data(32, 16);
const SECOND_FLIPS = memory.data(32, 16);
const LOSSES = memory.data(32, 16);
const NO_FLIP: u32 = 255;

/** f32 [16] of the groups alone: their lines and scales. */
const ALONE_A = memory.data(64, 16);
const ALONE_B = memory.data(64, 16);
const ALONE_SCALE = memory.data(64, 16);

/** Under each of four scales: i32 codes [8] and signs [4] of a group. */
const GROUP_CODES = memory.data(128, 16);
const GROUP_SIGNS = memory.data(64, 16);
const LANES = memory.data(64, 16);

/** Lines of a point under four scales, by `linesUnder`. */
let lineA: v128 = f32x4.splat(0);
let lineB: v128 = f32x4.splat(0);

/** lineA and lineB of the codes at `codes`, i32 [4]. */
// @ts-ignore: decorator
@inline function linesUnder<P>(lines: usize, codes: usize): void {
  const l0 = lineOf<P>(lines, load<i32>(codes));
  const l1 = lineOf<P>(lines, load<i32>(codes, 4));
  const l2 = lineOf<P>(lines, load<i32>(codes, 8));
  const l3 = lineOf<P>(lines, load<i32>(codes, 12));
  const l01 = i32x4.shuffle(l0, l1, 0, 1, 4, 5);
  const l23 = i32x4.shuffle(l2, l3, 0, 1, 4, 5);
  lineA = i32x4.shuffle(l01, l23, 0, 2, 4, 6);
  lineB = i32x4.shuffle(l01, l23, 1, 3, 5, 7);
}

/** s·a - b. */
// @ts-ignore: decorator
@inline function costOf(scale: v128, a: v128, b: v128): v128 {
  return f32x4.sub(f32x4.mul(scale, a), b);
}

function prepareTables<P>(levels: usize): void {
  for (let n: usize = 0; n < 8; n++) {
    const q: f32 = n < <usize>levelCount<P>() ? <f32>load<u8>(levels + n) : 0;
    store<f32>(LEVELS + (n << 3), q * q);
    store<f32>(LEVELS + (n << 3), q, 4);
  }
  if (load<f32>(ONES) != 0) return;
  for (let i: usize = 0; i < 256; i++) store<f32>(ONES + (i << 2), 1);
  for (let i = 0; i < 24; i++) store<f32>(TOPS + (<usize>i << 2), <f32>(15.8 - 0.3 * <f64>i));
}

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

/** Fills VALUES and the signs of all eights. */
function splitEights(values: usize, weights: usize, even: bool): void {
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
@inline function place<P>(weights: usize, k: usize, flip: u32, point: i32): void {
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

/** Step 1 for one group: ALONE_A, ALONE_B, ALONE_SCALE. */
function searchAlone<P>(
  grid: usize,
  weights: usize,
  g: usize,
  size: usize,
  slope: f32,
  below: f32,
  topLevel: f64,
): void {
  store<f32>(ALONE_A + (g << 2), 0);
  store<f32>(ALONE_B + (g << 2), 0);
  store<f32>(ALONE_SCALE + (g << 2), 0);
  let upper = f32x4.splat(0);
  for (let i: usize = 0; i < size << 2; i += 16) upper = f32x4.pmax(upper, v128.load(VALUES + g * (size << 2) + i));
  v128.store(LANES, upper);
  const largest = max<f32>(
    max<f32>(load<f32>(LANES), load<f32>(LANES, 4)),
    max<f32>(load<f32>(LANES, 8), load<f32>(LANES, 12)),
  );
  if (largest == 0) return;
  for (let i: usize = 0; i < 8; i++) {
    const scale: f32 = largest * <f32>(load<f64>(TRIALS + (i << 3)) / topLevel);
    store<f32>(TRIED + (i << 2), scale);
    store<f32>(ROUNDERS + (i << 2), slope / scale);
  }

  let a = f32x4.splat(0);
  let b = a;
  let a2 = a;
  let b2 = a;
  const eights = size >> 3;
  for (let k: usize = g * eights; k < (g + 1) * eights; k++) {
    let eightA = f32x4.splat(0);
    let eightB = eightA;
    let eightA2 = eightA;
    let eightB2 = eightA;
    for (let half: usize = 0; half < 8 / sizeof<P>(); half++) {
      place<P>(weights, (k * 8) / sizeof<P>() + half, load<u8>(FIRST_FLIPS + k), 0);
      roundPoint<P>(0, 2, below);
      choosePoint<P>(grid, 0, 8, false, false);
      linesUnder<P>(linesAt(0), chosenAt(0));
      eightA = f32x4.add(eightA, lineA);
      eightB = f32x4.add(eightB, lineB);
      linesUnder<P>(linesAt(0), chosenAt(0) + 16);
      eightA2 = f32x4.add(eightA2, lineA);
      eightB2 = f32x4.add(eightB2, lineB);
    }
    a = f32x4.add(a, eightA);
    b = f32x4.add(b, eightB);
    a2 = f32x4.add(a2, eightA2);
    b2 = f32x4.add(b2, eightB2);
  }
  v128.store(LANES, a);
  v128.store(LANES, a2, 16);
  v128.store(LANES, b, 32);
  v128.store(LANES, b2, 48);
  let most: f32 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    const one = load<f32>(LANES + i);
    const other = load<f32>(LANES + i, 32);
    const gain: f32 = other > 0 ? other * (other / one) : 0;
    if (gain <= most) continue;
    most = gain;
    store<f32>(ALONE_A + (g << 2), one);
    store<f32>(ALONE_B + (g << 2), other);
    store<f32>(ALONE_SCALE + (g << 2), <f32>0.5 * (other / one));
  }
}

/** Step 2: d. */
function chooseD(groups: usize, largest: f32): f32 {
  let least: f32 = Infinity;
  let d: f32 = 0;
  for (let t: usize = 0; t < 24; t += 4) {
    const tried = f32x4.div(f32x4.splat(largest), v128.load(TOPS + (t << 2)));
    const inverse = f32x4.div(f32x4.splat(1), tried);
    let sum = f32x4.splat(0);
    for (let g: usize = 0; g < groups << 2; g += 4) {
      const exact = f32x4.sub(f32x4.mul(v128.load32_splat(ALONE_SCALE + g), inverse), f32x4.splat(0.5));
      const bits = v128.and(f32x4.add(exact, f32x4.splat(12582912)), i32x4.splat(0x007fffff));
      const nearest = i32x4.sub(bits, i32x4.splat(0x00400000));
      const code = i32x4.max_s(i32x4.splat(0), i32x4.min_s(i32x4.splat(15), nearest));
      const scale = f32x4.mul(tried, f32x4.add(f32x4.convert_i32x4_s(code), f32x4.splat(0.5)));
      const cost = costOf(scale, v128.load32_splat(ALONE_A + g), v128.load32_splat(ALONE_B + g));
      sum = f32x4.add(sum, f32x4.mul(scale, cost));
    }
    v128.store(LANES, sum);
    v128.store(LANES, tried, 16);
    for (let i: usize = 0; i < 16; i += 4) {
      if (load<f32>(LANES + i) >= least) continue;
      least = load<f32>(LANES + i);
      d = load<f32>(LANES + i, 16);
    }
  }
  return d;
}

// Of step 3: whether lists are the long ones; the sums of a group under four scales.
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
  prepareTables<P>(levels);
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
