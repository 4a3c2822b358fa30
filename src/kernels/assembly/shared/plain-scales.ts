/**
 * The plain scales of Q3_K without importance, levels -4 .. 3, and which sub-blocks ggml's search may change: a test
 * without division that may find too many. The search is in scale-refine.ts.
 */
import { GROUP, X } from './scale-search';
import { extremes } from './sub-blocks';

/** Sub-blocks of four super-blocks: scales; extremes, sums of w x l and w l^2 at the plain scale; f32 [64] each. */
export const REFINED: usize = memory.data(256, 16);
export const EXTREMES: usize = memory.data(256, 16);
export const XL: usize = memory.data(256, 16);
export const LL: usize = memory.data(256, 16);
/** Of two groups: levels, w x l. */
const LEVELS: usize = memory.data(512, 16);
const PRODUCTS: usize = memory.data(512, 16);
// What loops use again and again; V8 would make it anew in every turn.
const INVERSES: usize = memory.data(32, 16);
const BOUNDS: usize = memory.data(128, 16);
export const THREE: usize = memory.data<f32>([3]);

/**
 * How far x is from its level l, in units in which half a level is about xl. The nearest level is that of
 * x * (ll - w l^2) / (xl - w x l), so it is l as long as x * (ll - w l^2) - l * (xl - w x l) = x * ll - l * xl stays
 * within half of xl - w x l. What rounding does to this is far less than the margins: xl and ll are 2.001 times the
 * sums of the search, what is compared is 0.9999 times xl. `top` and `low` are where the ends of the levels lie.
 */
// @ts-ignore: decorator
@inline function reach(reached: v128, x: v128, l: v128, product: v128, xl: v128, ll: v128, top: v128, low: v128): v128 {
  const off = f32x4.sub(f32x4.pmax(low, f32x4.pmin(top, f32x4.mul(x, ll))), f32x4.mul(l, xl));
  return f32x4.pmax(f32x4.pmax(reached, f32x4.add(product, off)), f32x4.sub(product, off));
}

/** Where the last places of very small or large sums are not lost. */
// @ts-ignore: decorator
@inline function ordinary(xl: v128, ll: v128): v128 {
  const large = f32x4.splat(1e30);
  return v128.and(f32x4.gt(xl, f32x4.splat(1e-30)), v128.and(f32x4.lt(xl, large), f32x4.lt(ll, large)));
}

/** Two groups at X: sums and scales; first: the first sub-block among the 64. A bit for each that may change. */
export function plainScales(group: usize, first: usize): i32 {
  const start = X + group * GROUP;
  const end = start + GROUP;
  const to = first << 2;
  const m = extremes(start, GROUP);
  const n = extremes(start + GROUP, GROUP);
  v128.store(EXTREMES + to, m);
  v128.store(EXTREMES + to, n, 16);
  v128.store(INVERSES, f32x4.div(f32x4.splat(-4), m));
  v128.store(INVERSES, f32x4.div(f32x4.splat(-4), n), 16);
  const inverseA = v128.load(INVERSES);
  const inverseB = v128.load(INVERSES, 16);
  const three = v128.load32_splat(THREE);
  let xlA = f32x4.splat(0);
  let llA = xlA;
  let xlB = xlA;
  let llB = xlA;
  // Two groups at once: the sums of one would wait for themselves.
  for (let at = start, i: usize = LEVELS; at < end; at += 16, i += 16) {
    let x = v128.load(at);
    let l = f32x4.pmin(three, f32x4.nearest(f32x4.mul(x, inverseA)));
    let w = f32x4.mul(x, x);
    let product = f32x4.mul(f32x4.mul(w, x), l);
    xlA = f32x4.add(xlA, product);
    llA = f32x4.add(llA, f32x4.mul(f32x4.mul(w, l), l));
    v128.store(i, l);
    v128.store(i, product, PRODUCTS - LEVELS);
    x = v128.load(at, GROUP);
    l = f32x4.pmin(three, f32x4.nearest(f32x4.mul(x, inverseB)));
    w = f32x4.mul(x, x);
    product = f32x4.mul(f32x4.mul(w, x), l);
    xlB = f32x4.add(xlB, product);
    llB = f32x4.add(llB, f32x4.mul(f32x4.mul(w, l), l));
    v128.store(i, l, GROUP);
    v128.store(i, product, PRODUCTS - LEVELS + GROUP);
  }
  setBounds(0, xlA, llA);
  setBounds(64, xlB, llB);
  let reachA = f32x4.splat(0);
  let reachB = reachA;
  const xlA2 = v128.load(BOUNDS);
  const llA2 = v128.load(BOUNDS, 16);
  const topA = v128.load(BOUNDS, 32);
  const lowA = v128.load(BOUNDS, 48);
  const xlB2 = v128.load(BOUNDS, 64);
  const llB2 = v128.load(BOUNDS, 80);
  const topB = v128.load(BOUNDS, 96);
  const lowB = v128.load(BOUNDS, 112);
  for (let at = start, i: usize = LEVELS; at < end; at += 16, i += 16) {
    const a = v128.load(i, PRODUCTS - LEVELS);
    reachA = reach(reachA, v128.load(at), v128.load(i), a, xlA2, llA2, topA, lowA);
    const b = v128.load(i, PRODUCTS - LEVELS + GROUP);
    reachB = reach(reachB, v128.load(at, GROUP), v128.load(i, GROUP), b, xlB2, llB2, topB, lowB);
  }
  return plainScale(to, m, xlA, llA, reachA) | (plainScale(to + 16, n, xlB, llB, reachB) << 4);
}

// @ts-ignore: decorator
@inline function setBounds(to: usize, xl: v128, ll: v128): void {
  const wide = f32x4.mul(xl, f32x4.splat(2.001));
  v128.store(BOUNDS + to, wide);
  v128.store(BOUNDS + to, f32x4.mul(ll, f32x4.splat(2.001)), 16);
  v128.store(BOUNDS + to, f32x4.mul(wide, f32x4.splat(3)), 32);
  v128.store(BOUNDS + to, f32x4.mul(wide, f32x4.splat(-4)), 48);
}

/** Keeps sums and scales of one group; a bit for each lane that may change. */
// @ts-ignore: decorator
@inline function plainScale(to: usize, m: v128, xl: v128, ll: v128, reached: v128): i32 {
  v128.store(XL + to, xl);
  v128.store(LL + to, ll);
  const zero = f32x4.splat(0);
  const sure = v128.and(ordinary(xl, ll), f32x4.lt(reached, f32x4.mul(xl, f32x4.splat(0.9999))));
  const some = v128.and(f32x4.ge(f32x4.abs(m), f32x4.splat(1e-15)), f32x4.gt(ll, zero));
  v128.store(REFINED + to, v128.and(f32x4.div(xl, ll), some));
  return i32x4.bitmask(v128.andnot(v128.and(some, f32x4.gt(xl, zero)), sure));
}
