/**
 * ggml's search for one block of a grid type; the readable twin is ../../ggml/grid-reference.ref.ts. All scales of a
 * group are tried at once: what belongs to a scale stands in one lane, summed in the order of the values.
 */
import { entryOf, levelCount } from './grid';
import { clearBlock, CODES, D, LEFT, SCALES, SIGNS } from './grid-block';
import { chosenAt, INVERSES, MAGNITUDES, ROUNDERS, roundedAt, TRIED, WEIGHTS } from './grid-group';
import { forgetLines, setLevels } from './grid-lines';
import { nearestInt, roundOnce, roundPoint } from './grid-rounding';
import { PRODUCTS, SUM_QQ, SUM_XQ, sumCodes, sumQq, sumVectors, sumXq } from './grid-sums';
import { choosePoint } from './grid-sweep';
import { findStarts, splitSigns, squaresOf, STARTS, weigh } from './grid-weights';
import { halfBits } from './half';

/** What a group's points are searched again for: those off the grid; all if one was off; always all. */
export const OFF_GRID: i32 = 0;
export const ALL: i32 = 1;
export const ALWAYS: i32 = 2;

const GROUP_SCALES = memory.data(16 << 2, 16);
/** Magnitudes beyond which a group is rounded value by value, for 1 / scale may be Inf. */
const TINY: f32 = 7.8886090522101181e-31; // 2^-100
const HUGE: f32 = 1.2676506002282294e30; // 2^100

// @ts-ignore: decorator
@inline function lanes(v: v128, largest: bool): f32 {
  const other = i32x4.shuffle(v, v, 2, 3, 0, 1);
  const pair = largest ? f32x4.pmax(v, other) : f32x4.pmin(v, other);
  const a = f32x4.extract_lane(pair, 0);
  const b = f32x4.extract_lane(pair, 1);
  return largest ? (a < b ? b : a) : b < a ? b : a;
}

/** The scales of the trials: largest / (top + i · step), |i| <= reach. */
function setScales(reach: i32, step: f32, top: f32, largest: f32): void {
  for (let i = -reach; i <= reach; i += 4) {
    const at = <usize>(i + reach) << 2;
    const turn = f32x4.convert_i32x4_s(i32x4.add(i32x4.splat(i), i32x4(0, 1, 2, 3)));
    const inverse = f32x4.div(f32x4.add(f32x4.splat(top), f32x4.mul(turn, f32x4.splat(step))), f32x4.splat(largest));
    v128.store(INVERSES + at, inverse);
    v128.store(ROUNDERS + at, f32x4.mul(inverse, f32x4.splat(0.5)));
    v128.store(TRIED + at, f32x4.div(f32x4.splat(1), inverse));
  }
}

/** What `roundPoint` does, for numbers of any size. */
function roundWildly<P>(point: i32, scales: i32): void {
  const rounded = roundedAt(point);
  store<i32>(rounded - 4, -1);
  for (let i: usize = 0; i < <usize>scales << 2; i += 4)
    store<i32>(rounded + i, roundOnce<P>(point, load<f32>(INVERSES + i)));
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
  setLevels<P>(0);
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
    const highest = lanes(upper, true);
    const lowest = lanes(lower, false);
    let largest = highest;
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

    setScales(reach, step, top, largest);
    forgetLines();
    const tame = TINY < largest && HUGE > largest && lowest > largest * -262144 && highest < largest * 262144;
    for (let k = 0; k < points; k++) {
      if (tame) roundPoint<P>(k, vectors, 0.5);
      else roundWildly<P>(k, scales);
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
