/**
 * The errors of points as lines over the scale. The error of a point with levels q under a scale s is
 * s²A - 2sB + C, with A = Σ w q², B = Σ w x q, C = Σ w x²: a line over s, s·A - 2B, up to what all points have in
 * common. A and B are sums of two halves, and of halves there are few: tables of them are made once for a point's
 * values.
 */
import { halfBitCount, levelCount } from './grid';
import { MAGNITUDES, ROOTS } from './grid-group';

/** Lines of half points, f32 [8, 2, 256, 2]: A and 2B by half code; whether they are made; C by point. */
const LINES = memory.data(8 * 4096, 16);
const MADE = memory.data(8, 16);
export const ENERGIES = memory.data(32, 16);
/** q² and q of each level in turn: f32 [8, 2]. */
const LEVELS = memory.data(64, 16);
const PAIRS = memory.data(128, 16);

/** Says what the levels are: u8 at `levels`; 1, 3, 5, ... where that is 0. */
export function setLevels<P>(levels: usize): void {
  for (let n: usize = 0; n < 8; n++) {
    let q: f32 = levels != 0 ? <f32>load<u8>(levels + n) : <f32>((n << 1) + 1);
    if (n >= <usize>levelCount<P>()) q = 0;
    store<f32>(LEVELS + (n << 3), q * q);
    store<f32>(LEVELS + (n << 3), q, 4);
  }
}

/** Where the lines of a point's halves are. */
// @ts-ignore: decorator
@inline export function linesAt(point: i32): usize {
  return LINES + ((<usize>point) << 12);
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

/** Makes the lines of a point that has none yet. */
// @ts-ignore: decorator
@inline export function needLines<P>(point: i32): void {
  if (load<u8>(MADE + <usize>point) == 0) makeLines<P>(point);
}

/** Of a point under four scales, by `linesUnder`: AssemblyScript has no tuples. */
export let lineA: v128 = f32x4.splat(0);
export let lineB: v128 = f32x4.splat(0);

/** lineA and lineB of the codes at `codes`, i32 [4]. */
// @ts-ignore: decorator
@inline export function linesUnder<P>(lines: usize, codes: usize): void {
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
@inline export function costOf(scale: v128, a: v128, b: v128): v128 {
  return f32x4.sub(f32x4.mul(scale, a), b);
}
