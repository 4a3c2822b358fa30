/**
 * The nearest points of a group of values under many scales at once.
 *
 * The error of a point with levels q under a scale s is s²A - 2sB + C, with A = Σ w q², B = Σ w x q, C = Σ w x²: over
 * s it is a line, s·A - 2B, up to what all points have in common. A and B are sums of two halves, and of halves there
 * are few: tables of them are made once for a point's values. As s grows the rounded code changes only a few times;
 * for each run of scales with one code its list is gone through once, four scales at a time.
 *
 * Lines are not added up as ggml adds. Where the two best are closer than rounding can tell apart (a bound of the
 * rounding errors of both ways is in `MARGIN`), the list is looked at again, in ggml's order of operations.
 */
import { codeOf, entryOf, halfBitCount, levelBits, levelCount, levelMask } from './grid';

/** f32 [32] of a group (at most 8 points, 32 scales): magnitudes, weights of the scale, weights of the choice of points. */
export const MAGNITUDES = memory.data(32 << 2, 16);
export const WEIGHTS = memory.data(32 << 2, 16);
export const ROOTS = memory.data(32 << 2, 16);

/** The scales, f32 [32 + 8]: 1 / scale, what magnitudes are multiplied by to be rounded, the scales. */
export const INVERSES = memory.data(40 << 2, 16);
export const ROUNDERS = memory.data(40 << 2, 16);
export const TRIED = memory.data(40 << 2, 16);

/** i32 [8, 48]: codes by point and scale, rounded and chosen; four places before the first scale, more behind. */
const STRIDE: usize = 192;
const ROUNDED = memory.data(8 * 192, 16);
const CHOSEN = memory.data(8 * 192, 16);

/** Lines of half points, f32 [8, 2, 256, 2]: A and 2B by half code; whether they are made; C by point. */
const LINES = memory.data(8 * 4096, 16);
const MADE = memory.data(8, 16);
const ENERGIES = memory.data(32, 16);
/** q² and q of each level in turn: f32 [8, 2]. */
export const LEVELS = memory.data(64, 16);
const PAIRS = memory.data(128, 16);

/** 2^-17: 74 roundings of 2^-24 at most lie between the lines and ggml's sums, in parts of s·A + C / s. */
const MARGIN: f32 = 0.00000762939453125;
/** Below it the roundings of subnormal numbers count. */
const SMALLEST_ENERGY: f32 = 7.8886090522101181e-31; // 2^-100
const MAGIC: f32 = 12582912; // 1.5 * 2^23
const LARGEST: f32 = 3.4028234663852886e38;

// @ts-ignore: decorator
@inline export function roundedAt(point: i32): usize {
  return ROUNDED + <usize>point * STRIDE + 16;
}

// @ts-ignore: decorator
@inline export function chosenAt(point: i32): usize {
  return CHOSEN + <usize>point * STRIDE + 16;
}

/** Where the lines of a point's halves are. */
// @ts-ignore: decorator
@inline export function linesAt(point: i32): usize {
  return LINES + ((<usize>point) << 12);
}

/** f32 bits of ggml's nearest whole number, halves to even, whatever x is. */
// @ts-ignore: decorator
@inline export function nearestInt(x: f32): i32 {
  return (reinterpret<i32>(x + MAGIC) & 0x007fffff) - 0x00400000;
}

// @ts-ignore: decorator
@inline function levels4(x: usize, i: usize, rounder: v128, below: v128, most: v128): v128 {
  const t = f32x4.sub(f32x4.mul(rounder, v128.load32_splat(x + (i << 2))), below);
  const bits = f32x4.add(t, f32x4.splat(MAGIC));
  return i32x4.min_s(i32x4.max_s(bits, i32x4.splat(0x4b400000)), most);
}

/** Rounds the values of a point to levels under `vectors` times four scales: level = nearest(x · rounder - below). */
export function roundPoint<P>(point: i32, vectors: i32, below: f32): void {
  const x = MAGNITUDES + <usize>point * sizeof<P>() * 4;
  const to = roundedAt(point);
  const half = f32x4.splat(below);
  const most = i32x4.splat(0x4b400000 + levelCount<P>() - 1);
  store<i32>(to - 4, -1); // no code: a first run begins
  for (let v: usize = 0; v < <usize>vectors << 4; v += 16) {
    const rounder = v128.load(ROUNDERS + v);
    let code: v128;
    if (sizeof<P>() == 4) {
      code = levels4(x, 3, rounder, half, most);
      code = i32x4.add(i32x4.shl(code, 3), levels4(x, 2, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 3), levels4(x, 1, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 3), levels4(x, 0, rounder, half, most));
      code = i32x4.sub(code, i32x4.splat(0x4b400000 * 585)); // 1 + 8 + 64 + 512
    } else {
      code = levels4(x, 7, rounder, half, most);
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 6, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 5, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 4, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 3, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 2, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 1, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 0, rounder, half, most));
      code = i32x4.sub(code, i32x4.splat(0x4b400000 * 21845)); // 1 + 4 + ... + 4^7
    }
    v128.store(to + v, code);
  }
}

/** The code of a point's values under one scale, with ggml's bits even where numbers are out of any range. */
export function roundOnce<P>(point: i32, inverse: f32): i32 {
  const x = MAGNITUDES + <usize>point * sizeof<P>() * 4;
  let code = 0;
  for (let i = 0; i < <i32>sizeof<P>(); i++) {
    const level = nearestInt(<f32>0.5 * (inverse * load<f32>(x + (<usize>i << 2)) - 1));
    code |= max<i32>(0, min<i32>(levelCount<P>() - 1, level)) << (levelBits<P>() * i);
  }
  return code;
}

// @ts-ignore: decorator
@inline function total(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** Two levels' lines of one value: (w, 2wx, w, 2wx) times (q², q) of two levels. */
// @ts-ignore: decorator
@inline function pairOf(value: v128, levels: usize): v128 {
  return f32x4.mul(value, v128.load(LEVELS + (levels << 3)));
}

/** Lines of two values of 8 levels. */
function halfOf4(a: v128, b: v128, to: usize): void {
  const a0 = pairOf(a, 0);
  const a1 = pairOf(a, 2);
  const a2 = pairOf(a, 4);
  const a3 = pairOf(a, 6);
  for (let n: usize = 0; n < 8; n += 2) v128.store(PAIRS + (n << 3), pairOf(b, n));
  for (let n: usize = 0; n < 8; n++, to += 64) {
    const other = v128.load64_splat(PAIRS + (n << 3));
    v128.store(to, f32x4.add(a0, other));
    v128.store(to, f32x4.add(a1, other), 16);
    v128.store(to, f32x4.add(a2, other), 32);
    v128.store(to, f32x4.add(a3, other), 48);
  }
}

/** Lines of four values of 3 levels. */
function halfOf8(a: v128, b: v128, c: v128, d: v128, to: usize): void {
  v128.store(PAIRS, pairOf(b, 0));
  v128.store(PAIRS, pairOf(b, 2), 16);
  v128.store(PAIRS, pairOf(d, 0), 32);
  v128.store(PAIRS, pairOf(d, 2), 48);
  const a0 = pairOf(a, 0);
  const a1 = pairOf(a, 2);
  const ab0 = f32x4.add(a0, v128.load64_splat(PAIRS));
  const ab1 = f32x4.add(a1, v128.load64_splat(PAIRS));
  const ab2 = f32x4.add(a0, v128.load64_splat(PAIRS, 8));
  const ab3 = f32x4.add(a1, v128.load64_splat(PAIRS, 8));
  const ab4 = f32x4.add(a0, v128.load64_splat(PAIRS, 16));
  const ab5 = f32x4.add(a1, v128.load64_splat(PAIRS, 16));
  const c0 = pairOf(c, 0);
  const c1 = pairOf(c, 2);
  for (let n: usize = 0; n < 3; n++, to += 512) {
    const d0 = v128.load64_splat(PAIRS + 32 + (n << 3));
    v128.store(PAIRS, f32x4.add(c0, d0), 64);
    v128.store(PAIRS, f32x4.add(c1, d0), 80);
    for (let m: usize = 0; m < 3; m++) {
      const other = v128.load64_splat(PAIRS + 64 + (m << 3));
      const at = to + (m << 7);
      v128.store(at, f32x4.add(ab0, other));
      v128.store(at, f32x4.add(ab1, other), 16);
      v128.store(at, f32x4.add(ab2, other), 32);
      v128.store(at, f32x4.add(ab3, other), 48);
      v128.store(at, f32x4.add(ab4, other), 64);
      v128.store(at, f32x4.add(ab5, other), 80);
    }
  }
}

/** Makes the lines of a point's values, weighted by `ROOTS`. */
export function makeLines<P>(point: i32): void {
  const at = <usize>point * sizeof<P>() * 4;
  const to = linesAt(point);
  const x = v128.load(MAGNITUDES + at);
  const w = v128.load(ROOTS + at);
  const b = f32x4.mul(f32x4.splat(2), f32x4.mul(w, x));
  const v0 = i32x4.shuffle(w, b, 0, 4, 0, 4);
  const v1 = i32x4.shuffle(w, b, 1, 5, 1, 5);
  const v2 = i32x4.shuffle(w, b, 2, 6, 2, 6);
  const v3 = i32x4.shuffle(w, b, 3, 7, 3, 7);
  let energy = f32x4.mul(b, x);
  if (sizeof<P>() == 4) {
    halfOf4(v0, v1, to);
    halfOf4(v2, v3, to + 512);
  } else {
    const y = v128.load(MAGNITUDES + at, 16);
    const u = v128.load(ROOTS + at, 16);
    const c = f32x4.mul(f32x4.splat(2), f32x4.mul(u, y));
    energy = f32x4.add(energy, f32x4.mul(c, y));
    halfOf8(v0, v1, v2, v3, to);
    halfOf8(
      i32x4.shuffle(u, c, 0, 4, 0, 4),
      i32x4.shuffle(u, c, 1, 5, 1, 5),
      i32x4.shuffle(u, c, 2, 6, 2, 6),
      i32x4.shuffle(u, c, 3, 7, 3, 7),
      to + 2048,
    );
  }
  store<f32>(ENERGIES + (<usize>point << 2), <f32>0.5 * total(energy));
  store<u8>(MADE + <usize>point, 1);
}

/** Forgets the lines of all points. */
// @ts-ignore: decorator
@inline export function forgetLines(): void {
  store<u64>(MADE, 0);
}

/** (A, 2B, A, 2B) of a code. */
// @ts-ignore: decorator
@inline export function lineOf<P>(lines: usize, code: i32): v128 {
  const first = (code & ((1 << halfBitCount<P>()) - 1)) << 3;
  const second = (code >> halfBitCount<P>()) << 3;
  return f32x4.add(
    v128.load64_splat(lines + <usize>first),
    v128.load64_splat(lines + <usize>second, sizeof<P>() == 4 ? 512 : 2048),
  );
}

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
    if (load<u8>(MADE + <usize>point) == 0) makeLines<P>(point);
    const list = grid - <usize>entry;
    const length: i32 = load<u16>(list + (wide ? 2 : 0));
    for (let i = from; i < to; i += 8) {
      if (strict) scanStrictly<P>(list + 4, length, point, <usize>i << 2, min<i32>(8, to - i));
      else scanFreely<P>(list + 4, length, point, <usize>i << 2, min<i32>(8, to - i));
    }
  }
}
