/**
 * The nearest points of a group under many scales at once. As the scale grows the rounded code changes only a few
 * times; for each run of scales with one code its list is gone through once, four scales at a time, by the lines of
 * grid-lines.ts.
 *
 * Lines are not added up as ggml adds. Where the two best are closer than rounding can tell apart (MARGIN bounds the
 * rounding errors of both ways), the list is looked at again, in ggml's order of operations.
 */
import { entryOf, levelBits, levelMask } from './grid';
import { chosenAt, INVERSES, MAGNITUDES, ROOTS, roundedAt, TRIED } from './grid-group';
import { ENERGIES, lineOf, linesAt, needLines } from './grid-lines';

/** 2^-17: 74 roundings of 2^-24 at most lie between the lines and ggml's sums, in parts of s·A + C / s. */
const MARGIN: f32 = 0.00000762939453125;
/** Below it the roundings of subnormal numbers count. */
const SMALLEST_ENERGY: f32 = 7.8886090522101181e-31; // 2^-100
const LARGEST: f32 = 3.4028234663852886e38;

/** ggml's choices from a list under four scales: the first of least Σ root · (scale · q - x)². to: i32 [4] */
function nearestOf<P>(list: usize, count: i32, point: i32, scales: v128, to: usize): void {
  const at = <usize>point * sizeof<P>() * 4;
  let least = f32x4.splat(LARGEST);
  let best = i32x4.splat(load<u16>(list));
  for (let j = 0; j < count; j++) {
    const code: i32 = load<u16>(list + (<usize>j << 1));
    let sum = f32x4.splat(0);
    for (let i: i32 = 0; i < <i32>sizeof<P>(); i++) {
      const q = <f32>(((code << 1) >> (levelBits<P>() * i)) & (levelMask<P>() << 1) | 1);
      const value = at + (<usize>i << 2);
      const off = f32x4.sub(f32x4.mul(scales, f32x4.splat(q)), v128.load32_splat(MAGNITUDES + value));
      sum = f32x4.add(sum, f32x4.mul(f32x4.mul(v128.load32_splat(ROOTS + value), off), off));
    }
    const less = f32x4.lt(sum, least);
    least = v128.bitselect(sum, least, less);
    best = v128.bitselect(i32x4.splat(code), best, less);
  }
  v128.store(to, best);
}

function scanStrictly<P>(list: usize, count: i32, point: i32, from: usize, wanted: i32): void {
  scan<P>(list, count, point, from, wanted, true);
}

function scanFreely<P>(list: usize, count: i32, point: i32, from: usize, wanted: i32): void {
  scan<P>(list, count, point, from, wanted, false);
}

/**
 * The points of a list that are best under up to eight scales.
 * @param from offset of the first scale, of the results as well
 * @param wanted how many scales, the rest is idle
 * @param strict as ggml would choose: see above
 */
// @ts-ignore: decorator
@inline function scan<P>(list: usize, count: i32, point: i32, from: usize, wanted: i32, strict: bool): void {
  const to = chosenAt(point) + from;
  if (count == 1) {
    const only = i32x4.splat(load<u16>(list));
    v128.store(to, only);
    v128.store(to, only, 16);
    return;
  }
  const lines = linesAt(point);
  const s = v128.load(TRIED + from);
  const t = v128.load(TRIED + from, 16);
  const end = list + (<usize>count << 1);
  let least = f32x4.splat(Infinity);
  let least2 = least;
  let next = least;
  let next2 = least;
  let place = i32x4.splat(0);
  let place2 = place;
  let number = place;
  let most = f32x4.splat(0);
  const two = i32x4.splat(2);
  if (wanted <= 4) {
    for (let at = list; at < end; at += 2) {
      const line = lineOf<P>(lines, load<u16>(at));
      const a = i32x4.shuffle(line, line, 0, 0, 0, 0);
      const b = i32x4.shuffle(line, line, 1, 1, 1, 1);
      const value = f32x4.sub(f32x4.mul(s, a), b);
      const less = f32x4.lt(value, least);
      if (strict) {
        most = f32x4.pmax(most, a);
        next = f32x4.pmin(next, f32x4.pmax(least, value));
      }
      least = f32x4.pmin(least, value);
      place = i32x4.max_s(place, v128.and(less, number));
      number = i32x4.add(number, two);
    }
  } else {
    for (let at = list; at < end; at += 2) {
      const line = lineOf<P>(lines, load<u16>(at));
      const a = i32x4.shuffle(line, line, 0, 0, 0, 0);
      const b = i32x4.shuffle(line, line, 1, 1, 1, 1);
      const value = f32x4.sub(f32x4.mul(s, a), b);
      const value2 = f32x4.sub(f32x4.mul(t, a), b);
      const less = f32x4.lt(value, least);
      const less2 = f32x4.lt(value2, least2);
      if (strict) {
        most = f32x4.pmax(most, a);
        next = f32x4.pmin(next, f32x4.pmax(least, value));
        next2 = f32x4.pmin(next2, f32x4.pmax(least2, value2));
      }
      least = f32x4.pmin(least, value);
      least2 = f32x4.pmin(least2, value2);
      place = i32x4.max_s(place, v128.and(less, number));
      place2 = i32x4.max_s(place2, v128.and(less2, number));
      number = i32x4.add(number, two);
    }
    store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place2, 0)), 16);
    store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place2, 1)), 20);
    store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place2, 2)), 24);
    store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place2, 3)), 28);
  }
  store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place, 0)));
  store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place, 1)), 4);
  store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place, 2)), 8);
  store<i32>(to, load<u16>(list + <usize>i32x4.extract_lane(place, 3)), 12);
  if (!strict) return;

  const energy = f32x4.splat(load<f32>(ENERGIES + (<usize>point << 2)));
  const known = clear(energy, INVERSES + from, s, most, least, next);
  if ((~known & ((1 << min<i32>(4, wanted)) - 1)) != 0) nearestOf<P>(list, count, point, s, to);
  if (wanted <= 4) return;
  const known2 = clear(energy, INVERSES + from + 16, t, most, least2, next2);
  if ((~known2 & ((1 << (wanted - 4)) - 1)) != 0) nearestOf<P>(list, count, point, t, to + 16);
}

/** Lanes where the best is best by more than rounding. */
// @ts-ignore: decorator
@inline function clear(energy: v128, inverses: usize, scale: v128, most: v128, least: v128, next: v128): i32 {
  const share = f32x4.mul(energy, v128.load(inverses));
  const bound = f32x4.mul(f32x4.splat(MARGIN), f32x4.add(f32x4.mul(scale, most), share));
  const small = f32x4.splat(SMALLEST_ENERGY);
  const apart = f32x4.gt(f32x4.sub(next, least), bound);
  return i32x4.bitmask(v128.and(apart, v128.and(f32x4.gt(share, small), f32x4.gt(energy, small))));
}

/**
 * Chooses the points of one place under scales 0 to `count` - 1, as `roundPoint` rounded them. `strict`: as ggml
 * would; `wide`: from the long lists.
 */
export function choosePoint<P>(grid: usize, point: i32, count: i32, strict: bool, wide: bool): void {
  const rounded = roundedAt(point);
  const chosen = chosenAt(point);
  let starts = 0;
  for (let v = 0; v < count; v += 4) {
    const at = rounded + (<usize>v << 2);
    const same = i32x4.bitmask(i32x4.eq(v128.load(at), v128.load(at - 4)));
    starts |= (~same & 15) << v;
  }
  if (count < 32) starts &= (1 << count) - 1;
  while (starts != 0) {
    const from = ctz(starts);
    starts &= starts - 1;
    const to = starts == 0 ? count : ctz(starts);
    const code = load<i32>(rounded + (<usize>from << 2));
    const entry = entryOf(grid, code);
    if (entry >= 0) {
      const all = i32x4.splat(code);
      for (let i = from; i < to; i += 4) v128.store(chosen + (<usize>i << 2), all);
      continue;
    }
    needLines<P>(point);
    const list = grid - <usize>entry;
    const length: i32 = load<u16>(list + (wide ? 2 : 0));
    for (let i = from; i < to; i += 8) {
      if (strict) scanStrictly<P>(list + 4, length, point, <usize>i << 2, min<i32>(8, to - i));
      else scanFreely<P>(list + 4, length, point, <usize>i << 2, min<i32>(8, to - i));
    }
  }
}
