/**
 * ggml's search for one block of a grid type; the readable twin is ../../ggml/grid-reference.ref.ts. All scales of a
 * group are tried at once: what belongs to a scale stands in one lane, summed in the order of the values.
 */
import { entryOf, levelBits, levelCount, levelMask } from './grid';
import { clearBlock, CODES, D, LEFT, SCALES, SIGNS } from './grid-block';
import {
  choosePoint,
  chosenAt,
  forgetLines,
  INVERSES,
  LEVELS,
  MAGNITUDES,
  nearestInt,
  ROOTS,
  ROUNDERS,
  roundedAt,
  roundOnce,
  roundPoint,
  TRIED,
  WEIGHTS,
} from './grid-sweep';
import { halfBits } from './half';
import { LANE_VALUES, LANE_WEIGHTS, positiveScales } from './positive-scale';

/** What a group's points are searched again for: those off the grid; all if one was off; always all. */
export const OFF_GRID: i32 = 0;
export const ALL: i32 = 1;
export const ALWAYS: i32 = 2;

/** f32 [32]: w x; Σ w x q and Σ w q² by scale; the scales of the groups. */
const PRODUCTS = memory.data(32 << 2, 16);
const SUM_XQ = memory.data(32 << 2, 16);
const SUM_QQ = memory.data(32 << 2, 16);
const GROUP_SCALES = memory.data(16 << 2, 16);
const COSTS = memory.data(8 << 2, 16);
/** First scales of the groups, where the search has some. */
const STARTS = memory.data(8 << 2, 16);
const START_TOP: i32 = 4;

/** Magnitudes below and above which a group is rounded value by value, for 1 / scale may be Inf. */
const TINY: f32 = 7.8886090522101181e-31; // 2^-100
const HUGE: f32 = 1.2676506002282294e30; // 2^100

/** The sum of 256 squares, from the left. */
function squaresOf(values: usize): f32 {
  let sum: f32 = 0;
  for (let i: usize = 0; i < 1024; i += 16) {
    const v = v128.load(values + i);
    const s = f32x4.mul(v, v);
    sum += f32x4.extract_lane(s, 0);
    sum += f32x4.extract_lane(s, 1);
    sum += f32x4.extract_lane(s, 2);
    sum += f32x4.extract_lane(s, 3);
  }
  return sum;
}

/** Fills WEIGHTS and ROOTS of a group. `flat`: what is added to x² where there is no importance. */
function weigh(x: usize, importance: usize, bytes: usize, variance: f32, flat: f32): void {
  const spread = f32x4.splat(variance);
  const added = f32x4.splat(flat);
  for (let i: usize = 0; i < bytes; i += 16) {
    const v = v128.load(x + i);
    const square = f32x4.mul(v, v);
    const w =
      importance != 0
        ? f32x4.mul(v128.load(importance + i), f32x4.sqrt(f32x4.add(spread, square)))
        : f32x4.add(added, square);
    v128.store(WEIGHTS + i, w);
    v128.store(ROOTS + i, f32x4.sqrt(w));
  }
}

/** Fills MAGNITUDES of a group; where an odd number of 8 is minus, the value that weighs least changes its sign. */
function splitSigns(x: usize, bytes: usize, even: bool, signs: usize): void {
  const zero = f32x4.splat(0);
  const signBit = i32x4.splat(0x80000000);
  for (let i: usize = 0; i < bytes; i += 32, signs++) {
    const a = v128.load(x + i);
    const b = v128.load(x + i, 16);
    const minusA = f32x4.lt(a, zero);
    const minusB = f32x4.lt(b, zero);
    v128.store(MAGNITUDES + i, v128.xor(a, v128.and(minusA, signBit)));
    v128.store(MAGNITUDES + i, v128.xor(b, v128.and(minusB, signBit)), 16);
    let bits = i32x4.bitmask(minusA) | (i32x4.bitmask(minusB) << 4);
    if (even && (popcnt(bits) & 1) != 0) {
      v128.store(COSTS, f32x4.mul(f32x4.mul(v128.load(WEIGHTS + i), a), a));
      v128.store(COSTS, f32x4.mul(f32x4.mul(v128.load(WEIGHTS + i, 16), b), b), 16);
      let least: usize = 0;
      let cost = load<f32>(COSTS);
      for (let k: usize = 1; k < 8; k++) {
        const other = load<f32>(COSTS + (k << 2));
        if (other < cost) {
          cost = other;
          least = k;
        }
      }
      const at = MAGNITUDES + i + (least << 2);
      store<u32>(at, load<u32>(at) ^ 0x80000000);
      bits ^= 1 << <i32>least;
    }
    store<u8>(signs, <u8>bits);
  }
}

// Results of `sumVectors` and `sumCodes`: AssemblyScript has no tuples.
let sumXq: f32 = 0;
let sumQq: f32 = 0;

// @ts-ignore: decorator
@inline function levelOf<P>(twice: v128, i: i32): v128 {
  const q = v128.and(i32x4.shr_u(twice, levelBits<P>() * i), i32x4.splat(levelMask<P>() << 1));
  return f32x4.convert_i32x4_s(v128.or(q, i32x4.splat(1)));
}

/** SUM_XQ and SUM_QQ under 4 · `vectors` scales, two vectors at a time. */
function sumVectors<P>(points: i32, vectors: i32): void {
  for (let v = 0; v < vectors; v += 2) {
    const at = <usize>v << 4;
    let xq = f32x4.splat(0);
    let qq = xq;
    let xq2 = xq;
    let qq2 = xq;
    let i: usize = 0;
    for (let k = 0; k < points; k++) {
      const chosen = chosenAt(k) + at;
      const twice = i32x4.shl(v128.load(chosen), 1);
      const twice2 = i32x4.shl(v128.load(chosen, 16), 1);
      for (let j = 0; j < <i32>sizeof<P>(); j++, i += 4) {
        const w = v128.load32_splat(WEIGHTS + i);
        const wx = v128.load32_splat(PRODUCTS + i);
        const q = levelOf<P>(twice, j);
        const q2 = levelOf<P>(twice2, j);
        xq = f32x4.add(xq, f32x4.mul(wx, q));
        qq = f32x4.add(qq, f32x4.mul(f32x4.mul(w, q), q));
        xq2 = f32x4.add(xq2, f32x4.mul(wx, q2));
        qq2 = f32x4.add(qq2, f32x4.mul(f32x4.mul(w, q2), q2));
      }
    }
    v128.store(SUM_XQ + at, xq);
    v128.store(SUM_QQ + at, qq);
    v128.store(SUM_XQ + at, xq2, 16);
    v128.store(SUM_QQ + at, qq2, 16);
  }
}

/** sumXq and sumQq of one choice of points. codes: i32 [points] */
function sumCodes<P>(points: i32, codes: usize): void {
  let xq: f32 = 0;
  let qq: f32 = 0;
  let i: usize = 0;
  for (let k = 0; k < points; k++) {
    const twice = load<i32>(codes + (<usize>k << 2)) << 1;
    for (let j = 0; j < <i32>sizeof<P>(); j++, i += 4) {
      const q = <f32>(((twice >> (levelBits<P>() * j)) & (levelMask<P>() << 1)) | 1);
      xq += load<f32>(PRODUCTS + i) * q;
      qq += load<f32>(WEIGHTS + i) * q * q;
    }
  }
  sumXq = xq;
  sumQq = qq;
}

// @ts-ignore: decorator
@inline function lanes(v: v128, largest: bool): f32 {
  const other = i32x4.shuffle(v, v, 2, 3, 0, 1);
  const pair = largest ? f32x4.pmax(v, other) : f32x4.pmin(v, other);
  const a = f32x4.extract_lane(pair, 0);
  const b = f32x4.extract_lane(pair, 1);
  return largest ? (a < b ? b : a) : b < a ? b : a;
}

/** Fills STARTS: four groups of 32 at a time. */
function findStarts(values: usize, importance: usize, variance: f32, even: bool): void {
  for (let g: usize = 0; g < 8; g++) {
    const from = g << 7;
    weigh(values + from, importance + from, 128, variance, 0);
    splitSigns(values + from, 128, even, SIGNS);
    const lane = (g & 3) << 2;
    for (let i: usize = 0; i < 32; i++) {
      store<f32>(LANE_VALUES + (i << 4) + lane, load<f32>(MAGNITUDES + (i << 2)));
      store<f32>(LANE_WEIGHTS + (i << 4) + lane, load<f32>(WEIGHTS + (i << 2)));
    }
    if ((g & 3) == 3) v128.store(STARTS + ((g & 4) << 2), positiveScales(START_TOP));
  }
}

/**
 * Fills the block (grid-block.ts) from f32 values [256] and importance [256] or 0. `size` values share a scale; of
 * `even` types an even number of eight signs is minus. The rest is what ggml's search of the type has of its own: see
 * GridReference in ../../ggml/grid-format.ref.ts; `flat`: what part of the variance is added to x² without importance;
 * `start`: the trials begin with a first scale, see positive-scale.ts.
 */
export function referenceBlock<P>(
  grid: usize,
  values: usize,
  importance: usize,
  size: i32,
  even: bool,
  reach: i32,
  step: f32,
  spread: f32,
  flat: f32,
  smallest: f32,
  stretch: f32,
  again: i32,
  start: bool,
): void {
  clearBlock();
  for (let n: usize = 0; n < 8; n++) {
    const q: f32 = n < <usize>levelCount<P>() ? <f32>((n << 1) + 1) : 0;
    store<f32>(LEVELS + (n << 3), q * q);
    store<f32>(LEVELS + (n << 3), q, 4);
  }
  const top = <f32>((levelCount<P>() << 1) - 1);
  const bytes = <usize>size << 2;
  const points = size / <i32>sizeof<P>();
  const scales = 2 * reach + 1;
  const vectors = (scales + 3) >> 2;
  const variance: f32 = (spread * squaresOf(values)) / 256;
  let most: f32 = 0;
  if (start) findStarts(values, importance, variance, even);

  for (let g = 0; g < 256 / size; g++) {
    const from = <usize>g * bytes;
    const signs = SIGNS + <usize>((g * size) >> 3);
    const codes = CODES + (<usize>(g * points) << 2);
    store<f32>(GROUP_SCALES + (<usize>g << 2), 0);
    weigh(values + from, importance != 0 ? importance + from : 0, bytes, variance, flat * variance);
    splitSigns(values + from, bytes, even, signs);
    let upper = v128.load(MAGNITUDES);
    let lower = upper;
    for (let i: usize = 0; i < bytes; i += 16) {
      const x = v128.load(MAGNITUDES + i);
      upper = f32x4.pmax(upper, x);
      lower = f32x4.pmin(lower, x);
      v128.store(PRODUCTS + i, f32x4.mul(v128.load(WEIGHTS + i), x));
    }
    let largest = lanes(upper, true);
    let scale: f32 = largest / top;
    let empty = largest < smallest;
    if (!empty && start) {
      scale = load<f32>(STARTS + (<usize>g << 2));
      largest = scale * <f32>levelCount<P>();
      empty = largest <= 0;
    }
    if (empty) {
      store<u8>(LEFT + <usize>g, 1);
      memory.fill(signs, 0, <usize>size >> 3);
      continue;
    }

    for (let i = 0; i < scales; i += 4) {
      const at = <usize>i << 2;
      const turn = f32x4.convert_i32x4_s(i32x4.add(i32x4.splat(i - reach), i32x4(0, 1, 2, 3)));
      const inverse = f32x4.div(f32x4.add(f32x4.splat(top), f32x4.mul(turn, f32x4.splat(step))), f32x4.splat(largest));
      v128.store(INVERSES + at, inverse);
      v128.store(ROUNDERS + at, f32x4.mul(inverse, f32x4.splat(0.5)));
      v128.store(TRIED + at, f32x4.div(f32x4.splat(1), inverse));
    }
    forgetLines();
    const lowest = lanes(lower, false);
    const tame = TINY < largest && HUGE > largest && lowest > largest * -262144;
    for (let k = 0; k < points; k++) {
      if (tame) roundPoint<P>(k, vectors, 0.5);
      else {
        const rounded = roundedAt(k);
        store<i32>(rounded - 4, -1);
        for (let i: usize = 0; i < <usize>scales << 2; i += 4)
          store<i32>(rounded + i, roundOnce<P>(k, load<f32>(INVERSES + i)));
      }
      choosePoint<P>(grid, k, scales, true, false);
    }
    sumVectors<P>(points, vectors);

    let best: f32 = 0;
    let winner = -1;
    for (let i = 0; i < scales; i++) {
      const xq = load<f32>(SUM_XQ + (<usize>i << 2));
      const qq = load<f32>(SUM_QQ + (<usize>i << 2));
      if (qq > 0 && xq * xq > best * qq) {
        scale = xq / qq;
        best = scale * xq;
        winner = i;
      }
    }
    let off = 0; // bit k: point k is to be searched again
    if (winner >= 0) {
      for (let k = 0; k < points; k++) {
        const at = <usize>winner << 2;
        store<i32>(codes + (<usize>k << 2), load<i32>(chosenAt(k) + at));
        if (entryOf(grid, load<i32>(roundedAt(k) + at)) < 0) off |= 1 << k;
      }
    }
    if (again == ALWAYS || (again == ALL && (off != 0 || winner < 0))) off = (1 << points) - 1;
    if (off != 0 && scale > 0) {
      const inverse: f32 = 1 / scale;
      store<f32>(INVERSES, inverse);
      store<f32>(TRIED, scale);
      for (let k = 0; k < points; k++) {
        if (((off >> k) & 1) == 0) continue;
        store<i32>(roundedAt(k), roundOnce<P>(k, inverse));
        choosePoint<P>(grid, k, 1, true, false);
        store<i32>(codes + (<usize>k << 2), load<i32>(chosenAt(k)));
      }
      sumCodes<P>(points, codes);
      if (sumQq > 0) scale = sumXq / sumQq;
    }
    if (scale < 0) {
      scale = -scale;
      for (let k: usize = 0; k < <usize>size >> 3; k++) store<u8>(signs + k, load<u8>(signs + k) ^ 255);
    }
    store<f32>(GROUP_SCALES + (<usize>g << 2), scale);
    if (scale > most) most = scale;
  }

  if (most == 0) {
    clearBlock();
    return;
  }
  const d: f32 = most / 31;
  store<u32>(D, halfBits(d * stretch));
  const inverse: f32 = 1 / d;
  for (let g: usize = 0; g < <usize>(256 / size); g++) {
    const code = nearestInt(<f32>0.5 * (inverse * load<f32>(GROUP_SCALES + (g << 2)) - 1));
    store<u8>(SCALES + g, <u8>max<i32>(0, min<i32>(15, code)));
  }
}
