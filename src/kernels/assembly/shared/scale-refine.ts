/**
 * ggml's search of Q3_K without importance: levels -4 .. 3 at the plain scale, then changed one by one where that
 * takes away more of x^4. The readable twin is refineScale of ../../ggml/scale-search.ref.ts.
 *
 * Hardly a fifth of the sub-blocks changes at all. Those are found four in lanes, by a test that needs no division
 * and may find too many. Only they are gone through value by value, again four at a time, each at a value of its own.
 */
import { CODES, nearestInt4, STORED } from './k-scale-bytes';
import { extremes, GROUP, X } from './scale-search';

/** Sub-blocks of four super-blocks: scales; extremes, sums of w x l and w l^2 at the plain scale; f32 [64] each. */
export const REFINED: usize = memory.data(256, 16);
const EXTREMES: usize = memory.data(256, 16);
const XL: usize = memory.data(256, 16);
const LL: usize = memory.data(256, 16);
/** Those that may change: u8 [64]. */
const LIST: usize = memory.data(64, 16);
let listed: usize = 0;

/** Of one group: levels, w x l. */
const LEVELS: usize = memory.data(256, 16);
const PRODUCTS: usize = memory.data(256, 16);
/** Of four sub-blocks: levels, w, w x; f32 [4, 16] each. */
const L: usize = memory.data(256, 16);
const WEIGHTS: usize = memory.data(256, 16);
const WX: usize = memory.data(256, 16);

// What loops use again and again; V8 would make it anew in every turn.
const INVERSE: usize = memory.data(16, 16);
const BOUNDS: usize = memory.data(64, 16);
const THREE: usize = memory.data<f32>([3]);
const PLACES: usize = memory.data<i32>([-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1], 16);

/**
 * Twice the distance of x from l plus w x l, both times 1.0005. The nearest level is that of
 * x * (ll - w l^2) / (xl - w x l), so it is l as long as x * (ll - w l^2) - l * (xl - w x l) = x * ll - l * xl stays
 * within half of xl - w x l. What rounding does to this is far less than the margins: the sums here are 2.001 times
 * those of the search, and the bound is 0.9999 times xl. `top` and `low` are where the ends of the levels lie.
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

/** One group at X: its sums and scales; first: its first sub-block among the 64. A bit for each that may change. */
function plainScales(group: usize, first: usize): i32 {
  const start = X + group * GROUP;
  const end = start + GROUP;
  const to = first << 2;
  const m = extremes(start, GROUP);
  v128.store(EXTREMES + to, m);
  v128.store(INVERSE, f32x4.div(f32x4.splat(-4), m));
  const inverse = v128.load(INVERSE);
  const three = v128.load32_splat(THREE);
  let xl = f32x4.splat(0);
  let ll = xl;
  for (let at = start, i: usize = LEVELS; at < end; at += 32, i += 32) {
    let x = v128.load(at);
    let l = f32x4.pmin(three, f32x4.nearest(f32x4.mul(x, inverse)));
    let w = f32x4.mul(x, x);
    let product = f32x4.mul(f32x4.mul(w, x), l);
    xl = f32x4.add(xl, product);
    ll = f32x4.add(ll, f32x4.mul(f32x4.mul(w, l), l));
    v128.store(i, l);
    v128.store(i, product, PRODUCTS - LEVELS);
    x = v128.load(at, 16);
    l = f32x4.pmin(three, f32x4.nearest(f32x4.mul(x, inverse)));
    w = f32x4.mul(x, x);
    product = f32x4.mul(f32x4.mul(w, x), l);
    xl = f32x4.add(xl, product);
    ll = f32x4.add(ll, f32x4.mul(f32x4.mul(w, l), l));
    v128.store(i, l, 16);
    v128.store(i, product, PRODUCTS - LEVELS + 16);
  }
  v128.store(XL + to, xl);
  v128.store(LL + to, ll);
  const wide = f32x4.mul(xl, f32x4.splat(2.001));
  v128.store(BOUNDS, wide);
  v128.store(BOUNDS, f32x4.mul(ll, f32x4.splat(2.001)), 16);
  v128.store(BOUNDS, f32x4.mul(wide, f32x4.splat(3)), 32);
  v128.store(BOUNDS, f32x4.mul(wide, f32x4.splat(-4)), 48);
  const xl2 = v128.load(BOUNDS);
  const ll2 = v128.load(BOUNDS, 16);
  const top = v128.load(BOUNDS, 32);
  const low = v128.load(BOUNDS, 48);
  let reached = f32x4.splat(0);
  for (let at = start, i: usize = LEVELS; at < end; at += 32, i += 32) {
    reached = reach(reached, v128.load(at), v128.load(i), v128.load(i, PRODUCTS - LEVELS), xl2, ll2, top, low);
    const product = v128.load(i, PRODUCTS - LEVELS + 16);
    reached = reach(reached, v128.load(at, 16), v128.load(i, 16), product, xl2, ll2, top, low);
  }
  const zero = f32x4.splat(0);
  const sure = v128.and(ordinary(xl, ll), f32x4.lt(reached, f32x4.mul(xl, f32x4.splat(0.9999))));
  const some = v128.and(f32x4.ge(f32x4.abs(m), f32x4.splat(1e-15)), f32x4.gt(ll, zero));
  v128.store(REFINED + to, v128.and(f32x4.div(xl, ll), some));
  return i32x4.bitmask(v128.andnot(v128.and(some, f32x4.gt(xl, zero)), sure));
}

/** Levels and weights of sub-block j of the 64, f32 [16] at x, to place `lane` of the four. */
// @ts-ignore: decorator
@inline function enter(x: usize, j: usize, lane: usize): void {
  const inverse = f32x4.splat(<f32>-4 / load<f32>(EXTREMES + (j << 2)));
  const to = lane << 6;
  for (let i: usize = 0; i < 64; i += 16) {
    const v = v128.load(x + i);
    const w = f32x4.mul(v, v);
    v128.store(L + to + i, f32x4.pmin(f32x4.splat(3), f32x4.nearest(f32x4.mul(v, inverse))));
    v128.store(WEIGHTS + to + i, w);
    v128.store(WX + to + i, f32x4.mul(w, v));
  }
}

/** Takes the level `l` into place `at` of those of one lane; at: bytes. */
// @ts-ignore: decorator
@inline function setLevel(lane: usize, at: usize, l: v128): void {
  // A whole vector is written: it is read as such soon.
  const to = L + (lane << 6) + (at & 48);
  v128.store(to, v128.bitselect(l, v128.load(to), v128.load(PLACES + ((at & 12) << 2))));
}

// Of four sub-blocks: 2.001 times the sums, bounds.
const XL2: usize = memory.data(16, 16);
const LL2: usize = memory.data(16, 16);
const TOP: usize = memory.data(16, 16);
const LOW: usize = memory.data(16, 16);
const BOUND: usize = memory.data(16, 16);

// @ts-ignore: decorator
@inline function beyond(x: usize, at: usize, xl: v128, ll: v128, top: v128, low: v128, bound: v128): v128 {
  const l = v128.load(L + at);
  const product = f32x4.mul(v128.load(WX + at), l);
  const off = f32x4.sub(f32x4.pmax(low, f32x4.pmin(top, f32x4.mul(v128.load(x), ll))), f32x4.mul(l, xl));
  return f32x4.ge(f32x4.pmax(f32x4.add(product, off), f32x4.sub(product, off)), bound);
}

/** Bit k: value k of one lane, f32 [16] at x, may have another level. */
// @ts-ignore: decorator
@inline function mayChange(x: usize, lane: usize): i32 {
  const xl = v128.load32_splat(XL2 + (lane << 2));
  const ll = v128.load32_splat(LL2 + (lane << 2));
  const top = v128.load32_splat(TOP + (lane << 2));
  const low = v128.load32_splat(LOW + (lane << 2));
  const bound = v128.load32_splat(BOUND + (lane << 2));
  const at = lane << 6;
  const a = beyond(x, at, xl, ll, top, low, bound);
  const b = beyond(x + 16, at + 16, xl, ll, top, low, bound);
  const c = beyond(x + 32, at + 32, xl, ll, top, low, bound);
  const d = beyond(x + 48, at + 48, xl, ll, top, low, bound);
  return i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
}

/** Bits of the values that may change, of four lanes. */
// @ts-ignore: decorator
@inline function allThatMayChange(a: usize, b: usize, c: usize, d: usize, xl: v128, ll: v128): v128 {
  const wide = f32x4.mul(xl, f32x4.splat(2.001));
  v128.store(XL2, wide);
  v128.store(LL2, f32x4.mul(ll, f32x4.splat(2.001)));
  v128.store(TOP, f32x4.mul(wide, f32x4.splat(3)));
  v128.store(LOW, f32x4.mul(wide, f32x4.splat(-4)));
  v128.store(BOUND, f32x4.mul(xl, f32x4.splat(0.9999)));
  let may = i32x4.splat(mayChange(a, 0));
  may = i32x4.replace_lane(may, 1, mayChange(b, 1));
  may = i32x4.replace_lane(may, 2, mayChange(c, 2));
  may = i32x4.replace_lane(may, 3, mayChange(d, 3));
  return v128.or(may, v128.andnot(i32x4.splat(0xffff), ordinary(xl, ll)));
}

/** Where in its lane's f32 [16] the value of the lowest bit is. */
// @ts-ignore: decorator
@inline function placeOf(bits: i32): usize {
  return <usize>(ctz(bits) & 15) << 2;
}

// @ts-ignore: decorator
@inline function lanes(a: usize, b: usize, c: usize, d: usize): v128 {
  let v = v128.load32_zero(a);
  v = v128.load32_lane(b, v, 1);
  v = v128.load32_lane(c, v, 2);
  return v128.load32_lane(d, v, 3);
}

/** Goes through four sub-blocks at once, up to five times; a, b, c and d are their values, f32 [16]. */
function refine(a: usize, b: usize, c: usize, d: usize, xl: v128, ll: v128): v128 {
  const zero = i32x4.splat(0);
  // Bits of values that may change and were not tried with the sums as they are, of those behind the last one tried.
  let may = allThatMayChange(a, b, c, d, xl, ll);
  let behind = i32x4.splat(-1);
  let pass = zero;
  while (true) {
    const ahead = v128.and(may, behind);
    const over = i32x4.eq(ahead, zero);
    pass = i32x4.sub(pass, over);
    // The next one, or the first in another pass; none after five.
    const left = v128.and(v128.bitselect(may, ahead, over), i32x4.lt_s(pass, i32x4.splat(5)));
    if (!v128.any_true(left)) break;
    const bit = v128.and(left, i32x4.neg(left));
    may = v128.and(v128.andnot(may, bit), i32x4.ne(left, zero));
    behind = i32x4.neg(i32x4.shl(bit, 1));
    // A lane that is done looks at its first value and leaves it as it is.
    const p0 = placeOf(i32x4.extract_lane(left, 0));
    const p1 = placeOf(i32x4.extract_lane(left, 1));
    const p2 = placeOf(i32x4.extract_lane(left, 2));
    const p3 = placeOf(i32x4.extract_lane(left, 3));
    const x = lanes(a + p0, b + p1, c + p2, d + p3);
    const old = lanes(L + p0, L + 64 + p1, L + 128 + p2, L + 192 + p3);
    const w = lanes(WEIGHTS + p0, WEIGHTS + 64 + p1, WEIGHTS + 128 + p2, WEIGHTS + 192 + p3);
    const wx = lanes(WX + p0, WX + 64 + p1, WX + 128 + p2, WX + 192 + p3);
    const xlOut = f32x4.sub(xl, f32x4.mul(wx, old));
    const llOut = f32x4.sub(ll, f32x4.mul(f32x4.mul(w, old), old));
    const whole = nearestInt4(f32x4.div(f32x4.mul(x, llOut), xlOut));
    const to = f32x4.convert_i32x4_s(i32x4.max_s(i32x4.splat(-4), i32x4.min_s(i32x4.splat(3), whole)));
    const xlNew = f32x4.add(xlOut, f32x4.mul(wx, to));
    const llNew = f32x4.add(llOut, f32x4.mul(f32x4.mul(w, to), to));
    const gains = f32x4.gt(
      f32x4.mul(f32x4.mul(xlNew, xlNew), ll),
      f32x4.mul(f32x4.mul(xl, xl), llNew),
    );
    const real = v128.and(v128.and(f32x4.gt(xlOut, zero), f32x4.gt(llNew, zero)), f32x4.ne(to, old));
    const take = v128.and(v128.and(gains, real), i32x4.ne(left, zero));
    xl = v128.bitselect(xlNew, xl, take);
    ll = v128.bitselect(llNew, ll, take);
    const l = v128.bitselect(to, old, take);
    setLevel(0, p0, i32x4.shuffle(l, l, 0, 0, 0, 0));
    setLevel(1, p1, i32x4.shuffle(l, l, 1, 1, 1, 1));
    setLevel(2, p2, i32x4.shuffle(l, l, 2, 2, 2, 2));
    setLevel(3, p3, i32x4.shuffle(l, l, 3, 3, 3, 3));
    may = v128.bitselect(allThatMayChange(a, b, c, d, xl, ll), may, take);
  }
  return v128.and(f32x4.div(xl, ll), f32x4.gt(ll, zero));
}

/** Forgets the list of those that may change. */
export function startRefining(): void {
  listed = 0;
}

/** REFINED of the super-block whose vectors are at X, as far as it goes without change. */
export function addSuperBlock(block: usize): void {
  const first = block << 4;
  let may = plainScales(0, first);
  may |= plainScales(1, first + 4) << 4;
  may |= plainScales(2, first + 8) << 8;
  may |= plainScales(3, first + 12) << 12;
  for (; may != 0; may &= may - 1) store<u8>(LIST + listed++, <u8>(first + ctz(may)));
}

/** Refines the scales that may change. x: f32 [4, 256], the super-blocks. */
export function refineListed(x: usize): void {
  for (let i: usize = 0; i < listed; i += 4) {
    const last = listed - 1;
    const j0 = <usize>load<u8>(LIST + i);
    const j1 = <usize>load<u8>(LIST + min<usize>(i + 1, last));
    const j2 = <usize>load<u8>(LIST + min<usize>(i + 2, last));
    const j3 = <usize>load<u8>(LIST + min<usize>(i + 3, last));
    const a = x + (j0 << 6);
    const b = x + (j1 << 6);
    const c = x + (j2 << 6);
    const d = x + (j3 << 6);
    enter(a, j0, 0);
    enter(b, j1, 1);
    enter(c, j2, 2);
    enter(d, j3, 3);
    const xl = lanes(XL + (j0 << 2), XL + (j1 << 2), XL + (j2 << 2), XL + (j3 << 2));
    const ll = lanes(LL + (j0 << 2), LL + (j1 << 2), LL + (j2 << 2), LL + (j3 << 2));
    const scales = refine(a, b, c, d, xl, ll);
    store<f32>(REFINED + (j0 << 2), f32x4.extract_lane(scales, 0));
    store<f32>(REFINED + (j1 << 2), f32x4.extract_lane(scales, 1));
    store<f32>(REFINED + (j2 << 2), f32x4.extract_lane(scales, 2));
    store<f32>(REFINED + (j3 << 2), f32x4.extract_lane(scales, 3));
  }
}

/** CODES of the sub-blocks of one super-block whose stored scale is zero: those of the search. x: its f32 [256]. */
export function refinedCodes(x: usize, block: usize): void {
  for (let j: usize = 0; j < 16; j++, x += 64) {
    if (load<f32>(STORED + (j << 2)) != 0) continue;
    const to = CODES + (j << 4);
    v128.store(to, i32x4.splat(0));
    const from = (block << 4) + j;
    if (!(abs<f32>(load<f32>(EXTREMES + (from << 2))) >= 1e-15)) continue;
    for (let lane: usize = 0; lane < 4; lane++) enter(x, from, lane);
    const xl = load<f32>(XL + (from << 2));
    if (xl > 0) refine(x, x, x, x, f32x4.splat(xl), v128.load32_splat(LL + (from << 2)));
    for (let i: usize = 0; i < 16; i++) store<u8>(to + i, <u8>(<i32>load<f32>(L + (i << 2)) + 4));
  }
}
