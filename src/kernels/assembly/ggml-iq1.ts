/**
 * IQ1_S and IQ1_M; the readable twins are ../ggml/iq1_s.ref.ts and iq1_m.ref.ts. Four boundaries of a split are tried
 * at once: only where one of them beats the best so far are they looked at one by one, so the choice is the twin's.
 */
import { iq1GridBits } from './shared/iq1-grid-bits';
import { halfBits, halfValue } from './shared/half';

export * from './shared/block-io';

const POINTS: i32 = 6561;
const GRID: i32 = 2048;
const LARGEST: f32 = 3.4028234663852886e38;

/** [2048, 8] digits, and four times them; [6561] index or -1 - offset of a list; lists: count, then indices, as u16. */
const DIGITS: usize = memory.data(GRID * 8, 16);
const OFFSETS: usize = memory.data(GRID * 8, 16);
const INDEX: usize = memory.data(POINTS * 4, 16);
/** Neighbours of the 4513 points that are not in the grid: 74 each on average, 691 kB in all. */
const LISTS: usize = memory.data(1 << 20, 16);

// Sorted group: order, Σ w·x and Σ w up to each boundary, for all or for both halves; what depends on one boundary.
const ORDER: usize = memory.data(32, 16);
const SUM_X: usize = memory.data(2 * 48 * 4, 16);
const SUM_W: usize = memory.data(2 * 48 * 4, 16);
const HIGH_X: usize = memory.data(2 * 48 * 4, 16);
const HIGH_W: usize = memory.data(2 * 48 * 4, 16);
const WEIGHTS: usize = memory.data(32 * 4, 16);
const CODES: usize = memory.data(32, 16);
/** Errors of the longest list. */
const ERRORS: usize = memory.data(208 * 4, 16);
const COUNTS: usize = memory.data(36 * 4, 16);
const DISTANCES: usize = memory.data(GRID, 16);
/** w·(scale·level - x)² of eight values under each of three digits. */
const TERMS: usize = memory.data(8 * 4 * 4, 16);
const SCALES: usize = memory.data(16 * 4, 16);
const SHIFTS: usize = memory.data(16, 16);
const INDICES: usize = memory.data(32 * 2, 16);

// @ts-ignore: decorator
@inline function digit(point: i32, k: i32): i32 {
  for (let i = 0; i < k; i++) point /= 3;
  return point % 3;
}

/** Numbers the grid's points and lists the near ones of all others. */
export function prepare(): void {
  let count = 0;
  for (let point = 0; point < POINTS; point++) {
    const hex = iq1GridBits.charCodeAt(point >> 2);
    const bits = hex < 58 ? hex - 48 : hex - 87;
    if (((bits >> (point & 3)) & 1) == 0) {
      store<i32>(INDEX + (<usize>point << 2), -1);
      continue;
    }
    for (let k = 0; k < 8; k++) {
      store<u8>(DIGITS + (<usize>count << 3) + <usize>k, <u8>digit(point, k));
      store<u8>(OFFSETS + (<usize>count << 3) + <usize>k, <u8>(digit(point, k) << 2));
    }
    store<i32>(INDEX + (<usize>point << 2), count++);
  }
}

let listed: usize = 0;

/** The neighbours of one point: u16 count, then indices. Made when they are first asked for. */
function listOf(point: i32): usize {
  const place = INDEX + (<usize>point << 2);
  const known = load<i32>(place);
  if (known < -1) return LISTS + <usize>(-2 - known);
  let digits: i64 = 0; // one per byte
  for (let k = 7; k >= 0; k--) digits = (digits << 8) | <i64>digit(point, k);
  const wanted = i64x2.splat(digits);
  // A counting sort by distance, which is 32 at most.
  memory.fill(COUNTS, 0, 36 * 4);
  for (let i: usize = 0; i < <usize>GRID; i++) {
    const distance = <usize>distanceOf(wanted, i);
    store<u8>(DISTANCES + i, <u8>distance);
    store<u32>(COUNTS + (distance << 2), load<u32>(COUNTS + (distance << 2)) + 1);
  }
  const list = LISTS + listed;
  let end = list + 2;
  let shells = 0;
  let radius: usize = 0;
  for (; shells < 3 && radius < 33; radius++) {
    const count = load<u32>(COUNTS + (radius << 2));
    store<u32>(COUNTS + (radius << 2), <u32>end);
    if (count > 0) shells++;
    end += <usize>count << 1;
  }
  for (let i: usize = 0; i < <usize>GRID; i++) {
    const distance = <usize>load<u8>(DISTANCES + i);
    if (distance >= radius) continue;
    const at = load<u32>(COUNTS + (distance << 2));
    store<u16>(at, <u16>i);
    store<u32>(COUNTS + (distance << 2), at + 2);
  }
  // Four are looked at together: the last stands again until they are.
  for (; (end - list - 2) & 7; end += 2) store<u16>(end, load<u16>(end - 2));
  store<u16>(list, <u16>((end - list - 2) >> 1));
  store<i32>(place, -2 - <i32>listed);
  listed += end - list;
  return list;
}

// @ts-ignore: decorator
@inline function distanceOf(wanted: v128, index: usize): i32 {
  const d = i8x16.abs(i8x16.sub(wanted, v128.load64_splat(DIGITS + (index << 3))));
  const squares = i16x8.extmul_low_i8x16_s(d, d);
  const pairs = i32x4.extadd_pairwise_i16x8_s(squares);
  return (
    i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1) + i32x4.extract_lane(pairs, 2) + i32x4.extract_lane(pairs, 3)
  );
}

// @ts-ignore: decorator
@inline function nearestInt(value: f32): i32 {
  return (reinterpret<i32>(value + 12582912) & 0x007fffff) - 0x00400000;
}

// @ts-ignore: decorator
@inline function clamp7(s: i32): i32 {
  return max<i32>(0, min<i32>(7, s));
}

function twiceMeanSquare(values: usize): f32 {
  let sum: f32 = 0;
  for (let i: usize = 0; i < 1024; i += 16) {
    const v = v128.load(values + i);
    const s = f32x4.mul(v, v);
    sum += f32x4.extract_lane(s, 0);
    sum += f32x4.extract_lane(s, 1);
    sum += f32x4.extract_lane(s, 2);
    sum += f32x4.extract_lane(s, 3);
  }
  return (2 * sum) / 256;
}

/** WEIGHTS of `count` values; returns the largest magnitude. */
function weigh(values: usize, importance: usize, meanSquare: f32, count: i32): f32 {
  const bytes = <usize>count << 2;
  const m = f32x4.splat(meanSquare);
  let largest = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const v = v128.load(values + i);
    largest = f32x4.pmax(largest, f32x4.abs(v));
    let w = f32x4.mul(v, v);
    if (importance) w = f32x4.mul(v128.load(importance + i), f32x4.sqrt(f32x4.add(m, w)));
    v128.store(WEIGHTS + i, w);
  }
  return max<f32>(
    max<f32>(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max<f32>(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
}

// @ts-ignore: decorator
@inline function lanesOf(mask: v128): i32 {
  return (
    i32x4.extract_lane(mask, 0) + i32x4.extract_lane(mask, 1) + i32x4.extract_lane(mask, 2) + i32x4.extract_lane(mask, 3)
  );
}

/** ORDER: positions of the values in ascending order, equal ones as they stand. A value's rank is how many go before. */
function rank(values: usize, count: i32): void {
  const end = <usize>count << 2;
  const step = i32x4(0, 1, 2, 3);
  for (let i: usize = 0; i < end; i += 4) {
    const v = v128.load32_splat(values + i);
    const own = i & ~15;
    // Equal values count where they stand before this one: in earlier vectors, and in its own up to its lane.
    const w = v128.load(values + own);
    const earlier = i32x4.lt_s(step, i32x4.splat(<i32>((i & 15) >> 2)));
    let before = v128.or(f32x4.lt(w, v), v128.and(f32x4.eq(w, v), earlier));
    let j: usize = 0;
    for (; j < own; j += 16) before = i32x4.add(before, f32x4.le(v128.load(values + j), v));
    for (j += 16; j < end; j += 16) before = i32x4.add(before, f32x4.lt(v128.load(values + j), v));
    store<u8>(ORDER + <usize>(-lanesOf(before)), <u8>(i >> 2));
  }
}

// The split found last.
let bestFirst: i32 = 0;
let bestSecond: i32 = 0;
let bestScale: f32 = 0;
let bestShift: i32 = 0;

// @ts-ignore: decorator
@inline function level(shift: i32, code: i32): f32 {
  return <f32>(code - 1) + (shift == 0 ? <f32>0.125 : <f32>-0.125);
}

// @ts-ignore: decorator
@inline function ratio(qx: v128, qq: v128): v128 {
  return f32x4.div(f32x4.mul(qx, qx), qq);
}

/**
 * What the best of a few likely splits explains, a little less: where the search starts. Only splits that explain
 * more are looked at one by one, and the best of all is among them, so starting here changes nothing but the time.
 */
// @ts-ignore: decorator
@inline function startingScore(explained: v128): f32 {
  const most: f32 = max<f32>(
    max<f32>(f32x4.extract_lane(explained, 0), f32x4.extract_lane(explained, 1)),
    max<f32>(f32x4.extract_lane(explained, 2), f32x4.extract_lane(explained, 3)),
  );
  // Outside this range roundings are no small part of the values.
  return most > 1e-20 && most < 1e30 ? most * 0.9999 : -LARGEST;
}

/** Every pair of boundaries of a group of 32 under both shifts; false where none explains anything. */
function split32(values: usize): bool {
  let x: f32 = 0;
  let w: f32 = 0;
  store<f32>(SUM_X, 0);
  store<f32>(SUM_W, 0);
  for (let j: usize = 0; j < 32; j++) {
    const i = <usize>load<u8>(ORDER + j) << 2;
    x += load<f32>(WEIGHTS + i) * load<f32>(values + i);
    w += load<f32>(WEIGHTS + i);
    store<f32>(SUM_X + (j << 2), x, 4);
    store<f32>(SUM_W + (j << 2), w, 4);
  }
  const totalX = f32x4.splat(x);
  const totalW = f32x4.splat(w);
  // Boundaries past the end are the end again: they never beat it.
  v128.store(SUM_X, totalX, 132);
  v128.store(SUM_W, totalW, 132);
  // What lies above the second boundary, at the highest level: up first, then down (192 bytes on).
  for (let j: usize = 0; j < 148; j += 16) {
    const hx = f32x4.sub(totalX, v128.load(SUM_X + j));
    const hw = f32x4.sub(totalW, v128.load(SUM_W + j));
    v128.store(HIGH_X + j, f32x4.mul(hx, f32x4.splat(1.125)));
    v128.store(HIGH_W + j, f32x4.mul(f32x4.mul(hw, f32x4.splat(1.125)), f32x4.splat(1.125)));
    v128.store(HIGH_X + j, f32x4.mul(hx, f32x4.splat(0.875)), 192);
    v128.store(HIGH_W + j, f32x4.mul(f32x4.mul(hw, f32x4.splat(0.875)), f32x4.splat(0.875)), 192);
  }
  let score: f32 = -LARGEST;
  let found = false;
  const eighth = f32x4.splat(0.125);
  let explained = f32x4.splat(0);
  for (let first: usize = 6; first <= 14; first += 2) {
    const fx = load<f32>(SUM_X + (first << 2));
    const fw = load<f32>(SUM_W + (first << 2));
    for (let at: usize = 64; at < 128; at += 16) {
      const mx = f32x4.sub(v128.load(SUM_X + at), f32x4.splat(fx));
      const mw = f32x4.sub(v128.load(SUM_W + at), f32x4.splat(fw));
      const qx = f32x4.add(f32x4.add(f32x4.splat(fx * -0.875), f32x4.mul(mx, eighth)), v128.load(HIGH_X + at));
      const sw = f32x4.mul(f32x4.mul(mw, eighth), eighth);
      const qq = f32x4.add(f32x4.add(f32x4.splat(fw * -0.875 * -0.875), sw), v128.load(HIGH_W + at));
      explained = f32x4.pmax(explained, ratio(qx, qq));
    }
  }
  const start = startingScore(explained);
  for (let first: usize = 0; first <= 32; first++) {
    const fx = load<f32>(SUM_X + (first << 2));
    const fw = load<f32>(SUM_W + (first << 2));
    const firstX = f32x4.splat(fx);
    const firstW = f32x4.splat(fw);
    const upX = f32x4.splat(fx * -0.875);
    const upW = f32x4.splat(fw * -0.875 * -0.875);
    const downX = f32x4.splat(fx * -1.125);
    const downW = f32x4.splat(fw * -1.125 * -1.125);
    let best = f32x4.splat(max<f32>(start, score));
    for (let at = first << 2; at <= 128; at += 16) {
      const shiftedX = f32x4.mul(f32x4.sub(v128.load(SUM_X + at), firstX), eighth);
      // (W·a)·a has the same bits for a = ±1/8.
      const shiftedW = f32x4.mul(f32x4.mul(f32x4.sub(v128.load(SUM_W + at), firstW), eighth), eighth);
      const qxUp = f32x4.add(f32x4.add(upX, shiftedX), v128.load(HIGH_X + at));
      const qqUp = f32x4.add(f32x4.add(upW, shiftedW), v128.load(HIGH_W + at));
      const qxDown = f32x4.add(f32x4.sub(downX, shiftedX), v128.load(HIGH_X + at, 192));
      const qqDown = f32x4.add(f32x4.add(downW, shiftedW), v128.load(HIGH_W + at, 192));
      const up = f32x4.gt(f32x4.mul(qxUp, qxUp), f32x4.mul(best, qqUp));
      const down = f32x4.gt(f32x4.mul(qxDown, qxDown), f32x4.mul(best, qqDown));
      if (!v128.any_true(v128.or(up, down))) continue;
      v128.store(TERMS, qxUp);
      v128.store(TERMS, qqUp, 16);
      v128.store(TERMS, qxDown, 32);
      v128.store(TERMS, qqDown, 48);
      for (let lane: usize = 0; lane < 4 && (at >> 2) + lane <= 32; lane++) {
        for (let shift: usize = 0; shift < 2; shift++) {
          const place = TERMS + (lane << 2) + (shift << 5);
          const qx = load<f32>(place);
          const qq = load<f32>(place, 16);
          if (qq > 0 && qx * qx > score * qq) {
            bestScale = qx / qq;
            score = bestScale * qx;
            bestFirst = <i32>first;
            bestSecond = <i32>((at >> 2) + lane);
            bestShift = <i32>shift;
            found = true;
          }
        }
      }
      best = f32x4.splat(max<f32>(start, score));
    }
  }
  return found;
}

/** As split32, for 16 values whose halves have shifts of their own: bestShift is 2 · first half + second half. */
function split16(values: usize): bool {
  let x0: f32 = 0;
  let w0: f32 = 0;
  let x1: f32 = 0;
  let w1: f32 = 0;
  v128.store(SUM_X, f32x4.splat(0));
  v128.store(SUM_W, f32x4.splat(0));
  store<f32>(SUM_X, 0, 192);
  store<f32>(SUM_W, 0, 192);
  for (let j: usize = 0; j < 16; j++) {
    const p = <usize>load<u8>(ORDER + j);
    const i = p << 2;
    const w = load<f32>(WEIGHTS + i);
    const x = w * load<f32>(values + i);
    if (p < 8) {
      x0 += x;
      w0 += w;
    } else {
      x1 += x;
      w1 += w;
    }
    const at = j << 2;
    store<f32>(SUM_X + at, x0, 4);
    store<f32>(SUM_W + at, w0, 4);
    store<f32>(SUM_X + at, x1, 196);
    store<f32>(SUM_W + at, w1, 196);
  }
  const highX0 = x0 * 1.125;
  const highX1 = x1 * 1.125;
  const lowX0 = x0 * 0.875;
  const lowX1 = x1 * 0.875;
  const highW0 = w0 * 1.125 * 1.125;
  const highW1 = w1 * 1.125 * 1.125;
  const lowW0 = w0 * 0.875 * 0.875;
  const lowW1 = w1 * 0.875 * 0.875;
  let score: f32 = -LARGEST;
  let found = false;
  // Boundaries past the end are the end again: they never beat it.
  v128.store(SUM_X, f32x4.splat(x0), 68);
  v128.store(SUM_X, f32x4.splat(x1), 260);
  v128.store(SUM_W, f32x4.splat(w0), 68);
  v128.store(SUM_W, f32x4.splat(w1), 260);
  let explained = f32x4.splat(0);
  for (let first: usize = 12; first <= 28; first += 8) {
    for (let at: usize = 28; at < 64; at += 16) {
      const b0 = f32x4.add(v128.load32_splat(SUM_X + first), v128.load(SUM_X + at));
      const b1 = f32x4.add(v128.load32_splat(SUM_X + first, 192), v128.load(SUM_X + at, 192));
      const up0 = f32x4.sub(f32x4.splat(highX0), b0);
      const up1 = f32x4.sub(f32x4.splat(highX1), b1);
      const down0 = f32x4.sub(f32x4.splat(lowX0), b0);
      const down1 = f32x4.sub(f32x4.splat(lowX1), b1);
      const s0 = v128.load(SUM_W + at);
      const s1 = v128.load(SUM_W + at, 192);
      const f0 = load<f32>(SUM_W + first);
      const f1 = load<f32>(SUM_W + first, 192);
      const wUp0 = f32x4.add(f32x4.splat(highW0 + f0 * 0.75), f32x4.mul(s0, f32x4.splat(-1.25)));
      const wUp1 = f32x4.add(f32x4.splat(highW1 + f1 * 0.75), f32x4.mul(s1, f32x4.splat(-1.25)));
      const wDown0 = f32x4.add(f32x4.splat(lowW0 + f0 * 1.25), f32x4.mul(s0, f32x4.splat(-0.75)));
      const wDown1 = f32x4.add(f32x4.splat(lowW1 + f1 * 1.25), f32x4.mul(s1, f32x4.splat(-0.75)));
      explained = f32x4.pmax(explained, ratio(f32x4.add(up0, up1), f32x4.add(wUp0, wUp1)));
      explained = f32x4.pmax(explained, ratio(f32x4.add(up0, down1), f32x4.add(wUp0, wDown1)));
      explained = f32x4.pmax(explained, ratio(f32x4.add(down0, up1), f32x4.add(wDown0, wUp1)));
      explained = f32x4.pmax(explained, ratio(f32x4.add(down0, down1), f32x4.add(wDown0, wDown1)));
    }
  }
  const start = startingScore(explained);
  for (let first: usize = 0; first <= 16; first++) {
    const f = first << 2;
    const fx0 = v128.load32_splat(SUM_X + f);
    const fx1 = v128.load32_splat(SUM_X + f, 192);
    const fw0 = load<f32>(SUM_W + f);
    const fw1 = load<f32>(SUM_W + f, 192);
    const upW0 = f32x4.splat(highW0 + fw0 * 0.75);
    const upW1 = f32x4.splat(highW1 + fw1 * 0.75);
    const downW0 = f32x4.splat(lowW0 + fw0 * 1.25);
    const downW1 = f32x4.splat(lowW1 + fw1 * 1.25);
    let best = f32x4.splat(max<f32>(start, score));
    for (let at = f; at <= 64; at += 16) {
      const below0 = f32x4.add(fx0, v128.load(SUM_X + at));
      const below1 = f32x4.add(fx1, v128.load(SUM_X + at, 192));
      const sw0 = v128.load(SUM_W + at);
      const sw1 = v128.load(SUM_W + at, 192);
      const xUp0 = f32x4.sub(f32x4.splat(highX0), below0);
      const xUp1 = f32x4.sub(f32x4.splat(highX1), below1);
      const xDown0 = f32x4.sub(f32x4.splat(lowX0), below0);
      const xDown1 = f32x4.sub(f32x4.splat(lowX1), below1);
      const wUp0 = f32x4.add(upW0, f32x4.mul(sw0, f32x4.splat(-1.25)));
      const wUp1 = f32x4.add(upW1, f32x4.mul(sw1, f32x4.splat(-1.25)));
      const wDown0 = f32x4.add(downW0, f32x4.mul(sw0, f32x4.splat(-0.75)));
      const wDown1 = f32x4.add(downW1, f32x4.mul(sw1, f32x4.splat(-0.75)));
      const qx0 = f32x4.add(xUp0, xUp1);
      const qx1 = f32x4.add(xUp0, xDown1);
      const qx2 = f32x4.add(xDown0, xUp1);
      const qx3 = f32x4.add(xDown0, xDown1);
      const qq0 = f32x4.add(wUp0, wUp1);
      const qq1 = f32x4.add(wUp0, wDown1);
      const qq2 = f32x4.add(wDown0, wUp1);
      const qq3 = f32x4.add(wDown0, wDown1);
      const b0 = f32x4.gt(f32x4.mul(qx0, qx0), f32x4.mul(best, qq0));
      const b1 = f32x4.gt(f32x4.mul(qx1, qx1), f32x4.mul(best, qq1));
      const b2 = f32x4.gt(f32x4.mul(qx2, qx2), f32x4.mul(best, qq2));
      const b3 = f32x4.gt(f32x4.mul(qx3, qx3), f32x4.mul(best, qq3));
      if (!v128.any_true(v128.or(v128.or(b0, b1), v128.or(b2, b3)))) continue;
      v128.store(TERMS, qx0);
      v128.store(TERMS, qx1, 16);
      v128.store(TERMS, qx2, 32);
      v128.store(TERMS, qx3, 48);
      v128.store(TERMS, qq0, 64);
      v128.store(TERMS, qq1, 80);
      v128.store(TERMS, qq2, 96);
      v128.store(TERMS, qq3, 112);
      for (let lane: usize = 0; lane < 4 && (at >> 2) + lane <= 16; lane++) {
        for (let pair: usize = 0; pair < 4; pair++) {
          const place = TERMS + (lane << 2) + (pair << 4);
          const qx = load<f32>(place);
          const qq = load<f32>(place, 64);
          if (qq > 0 && qx * qx > score * qq) {
            bestScale = qx / qq;
            score = bestScale * qx;
            bestFirst = <i32>first;
            bestSecond = <i32>((at >> 2) + lane);
            bestShift = <i32>pair;
            found = true;
          }
        }
      }
      best = f32x4.splat(max<f32>(start, score));
    }
  }
  return found;
}

/** CODES of a split group; a negative scale turns them, and the shifts, over. */
function assign(count: i32, allShifts: i32): void {
  for (let j = 0; j < count; j++) {
    const code = j < bestFirst ? 0 : j < bestSecond ? 1 : 2;
    store<u8>(CODES + <usize>load<u8>(ORDER + <usize>j), <u8>(bestScale < 0 ? 2 - code : code));
  }
  if (bestScale < 0) {
    bestScale = -bestScale;
    bestShift = allShifts - bestShift;
  }
}

/** Four floats of a table of three, chosen by four times a digit; each offset stands four times. */
// @ts-ignore: decorator
@inline function lookUp(table: v128, offsets: v128): v128 {
  const bytes = v128.or(offsets, i8x16(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3));
  return i8x16.swizzle(table, bytes);
}

/** The grid's index for eight CODES; bit 16 is set where they were not on the grid. */
function place(codes: usize, values: usize, weights: usize, shift: i32): i32 {
  let point = 0;
  for (let k: usize = 8; k > 0; k--) point = point * 3 + <i32>load<u8>(codes + k - 1);
  const own = load<i32>(INDEX + (<usize>point << 2));
  if (own >= 0) return own;
  for (let k: usize = 0; k < 8; k++) {
    const x = load<f32>(values + (k << 2));
    const w = load<f32>(weights + (k << 2));
    for (let code = 0; code < 3; code++) {
      const difference = bestScale * level(shift, code) - x;
      store<f32>(TERMS + (k << 4) + (<usize>code << 2), w * difference * difference);
    }
  }
  const list = listOf(point);
  const count = <usize>load<u16>(list);
  const t0 = v128.load(TERMS);
  const t1 = v128.load(TERMS, 16);
  const t2 = v128.load(TERMS, 32);
  const t3 = v128.load(TERMS, 48);
  const t4 = v128.load(TERMS, 64);
  const t5 = v128.load(TERMS, 80);
  const t6 = v128.load(TERMS, 96);
  const t7 = v128.load(TERMS, 112);
  let least = f32x4.splat(LARGEST);
  for (let i: usize = 0; i < count; i += 4) {
    const four = load<u64>(list + 2 + (i << 1));
    const a = OFFSETS + ((<usize>four & 0xffff) << 3);
    const b = OFFSETS + (<usize>((four >> 16) & 0xffff) << 3);
    const c = OFFSETS + (<usize>((four >> 32) & 0xffff) << 3);
    const d = OFFSETS + (<usize>(four >> 48) << 3);
    const ab = v128.load64_lane(b, v128.load64_zero(a), 1);
    const cd = v128.load64_lane(d, v128.load64_zero(c), 1);
    let e = lookUp(t0, i8x16.shuffle(ab, cd, 0, 0, 0, 0, 8, 8, 8, 8, 16, 16, 16, 16, 24, 24, 24, 24));
    e = f32x4.add(e, lookUp(t1, i8x16.shuffle(ab, cd, 1, 1, 1, 1, 9, 9, 9, 9, 17, 17, 17, 17, 25, 25, 25, 25)));
    e = f32x4.add(e, lookUp(t2, i8x16.shuffle(ab, cd, 2, 2, 2, 2, 10, 10, 10, 10, 18, 18, 18, 18, 26, 26, 26, 26)));
    e = f32x4.add(e, lookUp(t3, i8x16.shuffle(ab, cd, 3, 3, 3, 3, 11, 11, 11, 11, 19, 19, 19, 19, 27, 27, 27, 27)));
    e = f32x4.add(e, lookUp(t4, i8x16.shuffle(ab, cd, 4, 4, 4, 4, 12, 12, 12, 12, 20, 20, 20, 20, 28, 28, 28, 28)));
    e = f32x4.add(e, lookUp(t5, i8x16.shuffle(ab, cd, 5, 5, 5, 5, 13, 13, 13, 13, 21, 21, 21, 21, 29, 29, 29, 29)));
    e = f32x4.add(e, lookUp(t6, i8x16.shuffle(ab, cd, 6, 6, 6, 6, 14, 14, 14, 14, 22, 22, 22, 22, 30, 30, 30, 30)));
    e = f32x4.add(e, lookUp(t7, i8x16.shuffle(ab, cd, 7, 7, 7, 7, 15, 15, 15, 15, 23, 23, 23, 23, 31, 31, 31, 31)));
    v128.store(ERRORS + (i << 2), e);
    least = f32x4.pmin(least, e);
  }
  // The first of those with the least error.
  const low = f32x4.splat(
    min<f32>(
      min<f32>(f32x4.extract_lane(least, 0), f32x4.extract_lane(least, 1)),
      min<f32>(f32x4.extract_lane(least, 2), f32x4.extract_lane(least, 3)),
    ),
  );
  let at: usize = 0;
  for (; at < count; at += 4) {
    const mask = i32x4.bitmask(f32x4.eq(v128.load(ERRORS + (at << 2)), low));
    if (mask) {
      at += <usize>ctz<i32>(mask);
      break;
    }
  }
  // Not found: every error was NaN or Inf.
  const index = at < count ? <i32>load<u16>(list + 2 + (at << 1)) : 0;
  return index | 0x10000;
}

let sumQx: f32 = 0;
let sumQq: f32 = 0;

function addProducts(index: i32, values: usize, weights: usize, shift: i32, factor: f32): void {
  const digits = DIGITS + (<usize>index << 3);
  for (let j: usize = 0; j < 8; j++) {
    const q = level(shift, <i32>load<u8>(digits + j)) * factor;
    const wq = load<f32>(weights + (j << 2)) * q;
    sumQx += wq * load<f32>(values + (j << 2));
    sumQq += wq * q;
  }
}

export function encode_iq1_s(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  for (let row = 0; row < rows; row++) {
    for (let at: usize = 0; at < <usize>length << 2; at += 1024, values += 1024, bytes += 50) {
      blockS(values, bytes, importance + at);
    }
  }
}

function blockS(values: usize, bytes: usize, importance: usize): void {
  memory.fill(bytes, 0, 50);
  const meanSquare = twiceMeanSquare(values);
  let largestScale: f32 = 0;
  for (let g: usize = 0; g < 8; g++) {
    const group = values + (g << 7);
    store<f32>(SCALES + (g << 2), 0);
    store<u8>(SHIFTS + g, 0);
    const largest = weigh(group, importance + (g << 7), meanSquare, 32);
    if (largest < 1e-12) continue;
    rank(group, 32);
    if (!split32(group)) continue;
    assign(32, 1);
    let off = 0;
    let word = 0;
    for (let k: usize = 0; k < 4; k++) {
      const placed = place(CODES + (k << 3), group + (k << 5), WEIGHTS + (k << 5), bestShift);
      off |= placed >> 16;
      const index = placed & 0xffff;
      store<u16>(INDICES + (k << 1), <u16>index);
      store<u8>(bytes + (g << 2) + k, <u8>index, 2);
      word |= (index >> 8) << (3 * <i32>k);
    }
    if (off) {
      sumQx = 0;
      sumQq = 0;
      for (let k: usize = 0; k < 4; k++) {
        addProducts(<i32>load<u16>(INDICES + (k << 1)), group + (k << 5), WEIGHTS + (k << 5), bestShift, 1);
      }
      if (sumQx > 0 && sumQq > 0) bestScale = sumQx / sumQq;
    }
    store<u16>(bytes + (g << 1), <u16>word, 34);
    store<f32>(SCALES + (g << 2), bestScale);
    store<u8>(SHIFTS + g, <u8>bestShift);
    largestScale = max<f32>(largestScale, bestScale);
  }
  if (largestScale == 0) return;
  const d: f32 = largestScale / 15;
  store<u16>(bytes, <u16>halfBits(d * 1.125));
  const inverse: f32 = 1 / d;
  for (let g: usize = 0; g < 8; g++) {
    const s = clamp7(nearestInt(0.5 * (inverse * load<f32>(SCALES + (g << 2)) - 1)));
    const high = (s | (<i32>load<u8>(SHIFTS + g) << 3)) << 12;
    store<u16>(bytes + (g << 1), load<u16>(bytes + (g << 1), 34) | <u16>high, 34);
  }
}

export function encode_iq1_m(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  for (let row = 0; row < rows; row++) {
    for (let at: usize = 0; at < <usize>length << 2; at += 1024, values += 1024, bytes += 56) {
      blockM(values, bytes, importance ? importance + at : 0);
    }
  }
}

function blockM(values: usize, bytes: usize, importance: usize): void {
  memory.fill(bytes, 0, 56);
  const meanSquare = twiceMeanSquare(values);
  let largestScale: f32 = 0;
  for (let g: usize = 0; g < 16; g++) {
    const group = values + (g << 6);
    store<f32>(SCALES + (g << 2), 0);
    store<u8>(SHIFTS + g, 0);
    store<u32>(INDICES + (g << 2), 0);
    const largest = weigh(group, importance ? importance + (g << 6) : 0, meanSquare, 16);
    if (largest < 1e-7) continue;
    rank(group, 16);
    if (!split16(group)) continue;
    assign(16, 3);
    const a = place(CODES, group, WEIGHTS, bestShift >> 1);
    const b = place(CODES + 8, group + 32, WEIGHTS + 32, bestShift & 1);
    const first = a & 0xffff;
    const second = b & 0xffff;
    if ((a | b) >> 16) {
      sumQx = 0;
      sumQq = 0;
      addProducts(first, group, WEIGHTS, bestShift >> 1, 1);
      addProducts(second, group + 32, WEIGHTS + 32, bestShift & 1, 1);
      if (sumQx > 0 && sumQq > 0) bestScale = sumQx / sumQq;
    }
    store<u8>(bytes + (g << 1), <u8>first);
    store<u8>(bytes + (g << 1), <u8>second, 1);
    store<u8>(bytes + g, <u8>((first >> 8) | ((second >> 8) << 4)), 32);
    store<u16>(INDICES + (g << 2), <u16>first);
    store<u16>(INDICES + (g << 2), <u16>second, 2);
    store<f32>(SCALES + (g << 2), bestScale);
    store<u8>(SHIFTS + g, <u8>bestShift);
    largestScale = max<f32>(largestScale, bestScale);
  }
  if (largestScale == 0) return;
  let d: f32 = largestScale / 15;
  const inverse: f32 = 1 / d;
  sumQx = 0;
  sumQq = 0;
  for (let g: usize = 0; g < 16; g++) {
    const s = clamp7(nearestInt(0.5 * (inverse * load<f32>(SCALES + (g << 2)) - 1)));
    const word = bytes + ((g >> 2) << 1);
    store<u16>(word, load<u16>(word, 48) | <u16>(s << (3 * (<i32>g & 3))), 48);
    const pair = <i32>load<u8>(SHIFTS + g);
    store<u8>(bytes + g, load<u8>(bytes + g, 32) | <u8>(((pair >> 1) << 3) | ((pair & 1) << 7)), 32);
    const group = values + (g << 6);
    weigh(group, importance ? importance + (g << 6) : 0, meanSquare, 16);
    const factor = <f32>((s << 1) | 1);
    addProducts(<i32>load<u16>(INDICES + (g << 2)), group, WEIGHTS, pair >> 1, factor);
    addProducts(<i32>load<u16>(INDICES + (g << 2), 2), group + 32, WEIGHTS + 32, pair & 1, factor);
  }
  if (sumQq > 0) d = sumQx / sumQq;
  const bits = halfBits(d * 1.1125);
  for (let k: usize = 0; k < 4; k++) {
    const word = bytes + (k << 1);
    store<u16>(word, load<u16>(word, 48) | <u16>(((bits >> (4 * <u32>k)) & 15) << 12), 48);
  }
}

// @ts-ignore: decorator
@inline function decode8(index: i32, scale: f32, delta: f32, values: usize): void {
  const digits = v128.load8x8_u(DIGITS + (<usize>index << 3));
  const one = i32x4.splat(1);
  const low = f32x4.convert_i32x4_s(i32x4.sub(i32x4.extend_low_i16x8_s(digits), one));
  const high = f32x4.convert_i32x4_s(i32x4.sub(i32x4.extend_high_i16x8_s(digits), one));
  v128.store(values, f32x4.mul(f32x4.splat(scale), f32x4.add(low, f32x4.splat(delta))));
  v128.store(values, f32x4.mul(f32x4.splat(scale), f32x4.add(high, f32x4.splat(delta))), 16);
}

export function decode_iq1_s(bytes: usize, values: usize, count: i32): void {
  for (let i = 0; i < count; i += 256, bytes += 50) {
    const d = halfValue(load<u16>(bytes));
    for (let g: usize = 0; g < 8; g++) {
      const word = <i32>load<u16>(bytes + (g << 1), 34);
      const scale = d * <f32>(((word >> 11) & 14) | 1);
      const delta: f32 = word & 0x8000 ? -0.125 : 0.125;
      for (let k: usize = 0; k < 4; k++, values += 32) {
        decode8(<i32>load<u8>(bytes + (g << 2) + k, 2) | (((word >> (3 * <i32>k)) & 7) << 8), scale, delta, values);
      }
    }
  }
}

export function decode_iq1_m(bytes: usize, values: usize, count: i32): void {
  for (let i = 0; i < count; i += 256, bytes += 56) {
    let bits: u32 = 0;
    for (let k: usize = 0; k < 4; k++) bits |= (<u32>load<u16>(bytes + (k << 1), 48) >> 12) << (4 * <u32>k);
    const d = halfValue(bits);
    for (let g: usize = 0; g < 16; g++) {
      const word = <i32>load<u16>(bytes + ((g >> 2) << 1), 48);
      const scale = d * <f32>((((word >> (3 * (<i32>g & 3))) & 7) << 1) | 1);
      const nibbles = <i32>load<u8>(bytes + g, 32);
      const low = <i32>load<u8>(bytes + (g << 1)) | ((nibbles & 7) << 8);
      const high = <i32>load<u8>(bytes + (g << 1), 1) | ((nibbles & 0x70) << 4);
      decode8(low, scale, nibbles & 8 ? -0.125 : 0.125, values);
      decode8(high, scale, nibbles & 0x80 ? -0.125 : 0.125, values + 32);
      values += 64;
    }
  }
}
