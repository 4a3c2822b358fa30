/**
 * Sums over the sub-blocks of a group, a lane each: what the searches of scales and steps are made of. `bytes` is the
 * size of a group, `levels` the number of levels on each side of zero, or 0 for the 16 levels of IQ4; both are
 * constants at each use.
 */
import { iq4Level } from './iq4-levels';

/** Values and weights in lanes: v128 [64] each. */
export const VALUES: usize = memory.data(2048, 64);
// @ts-ignore: decorator
@inline export const WEIGHTS: usize = 1024;

// What a loop needs is read from memory: V8 makes anew in every turn what it could keep.
export const TRIED: usize = memory.data(3 * 16, 16);
export const INVERSES: usize = memory.data(3 * 16, 16);
export const SUMS: usize = memory.data(4 * 16, 16);
export const LIMITS: usize = memory.data(32, 16);

// @ts-ignore: decorator
@inline export function levelOf(x: v128, inverse: v128, low: v128, top: v128, levels: i32): v128 {
  const t = f32x4.mul(x, inverse);
  if (levels == 0) return iq4Level(t);
  return f32x4.nearest(f32x4.pmax(low, f32x4.pmin(top, t)));
}

/** Sums of w x l and w l^2 at two inverse scales. */
// @ts-ignore: decorator
@inline export function sumsOfTwo(at: usize, bytes: usize, levels: i32, weighted: bool): void {
  const a = v128.load(INVERSES);
  const b = v128.load(INVERSES, 16);
  const low = v128.load(LIMITS);
  const top = v128.load(LIMITS, 16);
  let xlA = f32x4.splat(0);
  let llA = xlA;
  let xlB = xlA;
  let llB = xlA;
  for (const end = at + bytes; at < end; at += 16) {
    const x = v128.load(at);
    let l = levelOf(x, a, low, top, levels);
    let wl = weighted ? f32x4.mul(v128.load(at, WEIGHTS), l) : l;
    xlA = f32x4.add(xlA, f32x4.mul(wl, x));
    llA = f32x4.add(llA, f32x4.mul(wl, l));
    l = levelOf(x, b, low, top, levels);
    wl = weighted ? f32x4.mul(v128.load(at, WEIGHTS), l) : l;
    xlB = f32x4.add(xlB, f32x4.mul(wl, x));
    llB = f32x4.add(llB, f32x4.mul(wl, l));
  }
  v128.store(SUMS, xlA);
  v128.store(SUMS, llA, 16);
  v128.store(SUMS, xlB, 32);
  v128.store(SUMS, llB, 48);
}

/** The same at one. */
// @ts-ignore: decorator
@inline export function sumsOfOne(at: usize, bytes: usize, levels: i32, weighted: bool): void {
  const inverse = v128.load(INVERSES);
  const low = v128.load(LIMITS);
  const top = v128.load(LIMITS, 16);
  let xl = f32x4.splat(0);
  let ll = xl;
  for (const end = at + bytes; at < end; at += 16) {
    const x = v128.load(at);
    const l = levelOf(x, inverse, low, top, levels);
    const wl = weighted ? f32x4.mul(v128.load(at, WEIGHTS), l) : l;
    xl = f32x4.add(xl, f32x4.mul(wl, x));
    ll = f32x4.add(ll, f32x4.mul(wl, l));
  }
  v128.store(SUMS, xl);
  v128.store(SUMS, ll, 16);
}

/** What follows is cut to these levels. */
// @ts-ignore: decorator
@inline export function setLimits(levels: i32): void {
  if (levels == 0) return;
  v128.store(LIMITS, f32x4.splat(<f32>-levels));
  v128.store(LIMITS, f32x4.splat(<f32>(levels - 1)), 16);
}
