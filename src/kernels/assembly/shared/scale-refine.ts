/**
 * ggml's search of Q3_K without importance: levels -4 .. 3 at the plain scale, then changed one by one where that
 * takes away more of x^4. The readable twin is refineScale of ../../ggml/scale-search.ref.ts.
 *
 * Hardly a fifth of the sub-blocks changes at all. Those are found four in lanes, by a test that needs no division
 * and may find too many; only they are gone through value by value.
 */
import { CODES, STORED } from './k-scale-bytes';
import { extremes, GROUP, SCALES, X } from './scale-search';

/** Of the sub-blocks: extremes, sums of w x l and w l^2 at the plain scale, its inverse; f32 [16] each. */
const EXTREMES: usize = memory.data(64, 16);
const XL: usize = memory.data(64, 16);
const LL: usize = memory.data(64, 16);
const INVERSES: usize = memory.data(64, 16);
/** Of one group: levels, w x l. */
const LEVELS: usize = memory.data(256, 16);
const PRODUCTS: usize = memory.data(256, 16);
/** Of one sub-block: levels, w, w x; f32 [16] each. */
const L: usize = memory.data(64, 16);
const WEIGHTS: usize = memory.data(64, 16);
const WX: usize = memory.data(64, 16);

// What loops use again and again; V8 would make it anew in every turn. 
const BOUNDS: usize = memory.data(64, 16);
const THREE: usize = memory.data<f32>([3]);
const INDEX: usize = memory.data<i32>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 16);

/**
 * Whether x may have another level than l. The nearest level is that of x * (ll - w l^2) / (xl - w x l), so it is l as
 * long as x * (ll - w l^2) - l * (xl - w x l) = x * ll - l * xl stays within half of xl - w x l. What rounding does
 * to this is far less than the margins: twice the distance is taken 2.001 times, xl 0.9999 times. Where the last
 * places of very small or large sums are lost, all may change.
 */
// @ts-ignore: decorator
@inline function setBounds(xl: v128, ll: v128): void {
  const wide = f32x4.mul(xl, f32x4.splat(2.001));
  v128.store(BOUNDS, wide);
  v128.store(BOUNDS, f32x4.mul(ll, f32x4.splat(2.001)), 16);
  v128.store(BOUNDS, f32x4.mul(wide, f32x4.splat(3)), 32);
  v128.store(BOUNDS, f32x4.mul(wide, f32x4.splat(-4)), 48);
}

/** Twice the distance of x from l plus w x l: what the bound is compared with. */
// @ts-ignore: decorator
@inline function reach(reached: v128, x: v128, l: v128, product: v128, xl: v128, ll: v128, top: v128, low: v128): v128 {
  const off = f32x4.sub(f32x4.pmax(low, f32x4.pmin(top, f32x4.mul(x, ll))), f32x4.mul(l, xl));
  return f32x4.pmax(f32x4.pmax(reached, f32x4.add(product, off)), f32x4.sub(product, off));
}

/** One group: its sums, its scales, and a bit for each lane that may change. */
function plainScales(group: usize): i32 {
  const start = X + group * GROUP;
  const end = start + GROUP;
  const to = group << 4;
  const m = extremes(start, GROUP);
  v128.store(EXTREMES + to, m);
  v128.store(INVERSES + to, f32x4.div(f32x4.splat(-4), m));
  const inverse = v128.load(INVERSES + to);
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
  setBounds(xl, ll);
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
  const sure = v128.and(
    v128.and(f32x4.gt(xl, f32x4.splat(1e-30)), f32x4.lt(xl, f32x4.splat(1e30))),
    v128.and(f32x4.lt(ll, f32x4.splat(1e30)), f32x4.lt(reached, f32x4.mul(xl, f32x4.splat(0.9999)))),
  );
  const some = v128.and(f32x4.ge(f32x4.abs(m), f32x4.splat(1e-15)), f32x4.gt(ll, f32x4.splat(0)));
  v128.store(SCALES + to, v128.and(f32x4.div(xl, ll), some));
  return i32x4.bitmask(v128.andnot(v128.and(some, f32x4.gt(xl, f32x4.splat(0))), sure));
}

// @ts-ignore: decorator
@inline function beyond(x: v128, l: v128, wx: v128, xl: v128, ll: v128, bound: v128): v128 {
  const top = f32x4.mul(xl, f32x4.splat(3));
  const low = f32x4.mul(xl, f32x4.splat(-4));
  return f32x4.ge(reach(f32x4.splat(0), x, l, f32x4.mul(wx, l), xl, ll, top, low), bound);
}

/** Takes l into place i of the levels at L, then tells by bit k whether value k at x may have another level. */
// @ts-ignore: decorator
@inline function mayChange(x: usize, i: i32, l: f32, xl: f32, ll: f32): i32 {
  const is = i32x4.splat(i);
  const four = f32x4.splat(l);
  // Whole vectors are written: they are read as such soon.
  const a = v128.bitselect(four, v128.load(L), i32x4.eq(v128.load(INDEX), is));
  const b = v128.bitselect(four, v128.load(L, 16), i32x4.eq(v128.load(INDEX, 16), is));
  const c = v128.bitselect(four, v128.load(L, 32), i32x4.eq(v128.load(INDEX, 32), is));
  const d = v128.bitselect(four, v128.load(L, 48), i32x4.eq(v128.load(INDEX, 48), is));
  v128.store(L, a);
  v128.store(L, b, 16);
  v128.store(L, c, 32);
  v128.store(L, d, 48);
  if (!(xl > 1e-30 && xl < 1e30 && ll < 1e30)) return 0xffff;
  const xl2 = f32x4.splat(xl * <f32>2.001);
  const ll2 = f32x4.splat(ll * <f32>2.001);
  const bound = f32x4.splat(xl * <f32>0.9999);
  return i8x16.bitmask(
    i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(
        beyond(v128.load(x), a, v128.load(WX), xl2, ll2, bound),
        beyond(v128.load(x, 16), b, v128.load(WX, 16), xl2, ll2, bound),
      ),
      i16x8.narrow_i32x4_s(
        beyond(v128.load(x, 32), c, v128.load(WX, 32), xl2, ll2, bound),
        beyond(v128.load(x, 48), d, v128.load(WX, 48), xl2, ll2, bound),
      ),
    ),
  );
}

/** The level nearest to x * ll / xl. */
// @ts-ignore: decorator
@inline function levelAt(x: f32, ll: f32, xl: f32): f32 {
  const biased: f32 = (x * ll) / xl + 12582912;
  const whole = (reinterpret<i32>(biased) & 0x007fffff) - 0x00400000;
  return <f32>max<i32>(-4, min<i32>(3, whole));
}

/** Goes through sub-block j, f32 [16] at x, up to five times; leaves its levels at L and returns its scale. */
function refine(x: usize, j: usize): f32 {
  let xl = load<f32>(XL + (j << 2));
  let ll = load<f32>(LL + (j << 2));
  const inverse = v128.load32_splat(INVERSES + (j << 2));
  const three = v128.load32_splat(THREE);
  for (let i: usize = 0; i < 64; i += 16) {
    const v = v128.load(x + i);
    const w = f32x4.mul(v, v);
    v128.store(L + i, f32x4.pmin(three, f32x4.nearest(f32x4.mul(v, inverse))));
    v128.store(WEIGHTS + i, w);
    v128.store(WX + i, f32x4.mul(w, v));
  }
  // Those that may change and were not tried with the sums as they are; those behind the last that was tried.
  let may = xl > 0 ? mayChange(x, -1, 0, xl, ll) : 0;
  let behind = -1;
  let pass = 0;
  while (may != 0) {
    pass += i32((may & behind) == 0);
    if (pass == 5) break;
    const i = ctz((may & behind) == 0 ? may : may & behind);
    behind = -(2 << i);
    may &= ~(1 << i);
    const at = <usize>i << 2;
    const value = load<f32>(x + at);
    const l = load<f32>(L + at);
    const w = load<f32>(WEIGHTS + at);
    const wx = load<f32>(WX + at);
    let xlNew: f32 = xl - wx * l;
    if (!(xlNew > 0)) continue;
    let llNew: f32 = ll - w * l * l;
    // As a rule it is the neighbour; where this is sure no quotient is waited for.
    let lNew: f32 = l + copysign<f32>(1, value * ll - l * xl);
    const sure = abs<f32>(value * llNew - lNew * xlNew) < xlNew * <f32>0.499 && abs<f32>(lNew + <f32>0.5) < 4;
    if (!sure || !(xl > 1e-30 && xl < 1e30 && ll < 1e30)) {
      lNew = levelAt(value, llNew, xlNew);
      if (lNew == l) continue;
    }
    xlNew += wx * lNew;
    llNew += w * lNew * lNew;
    if (!(llNew > 0 && xlNew * xlNew * ll > xl * xl * llNew)) continue;
    xl = xlNew;
    ll = llNew;
    may = mayChange(x, i, lNew, xl, ll);
  }
  return ll > 0 ? xl / ll : 0;
}

/** SCALES of the super-block whose vectors are at X and whose values, f32 [256], are at x. */
export function refineScales(x: usize): void {
  let may = plainScales(0) | (plainScales(1) << 4) | (plainScales(2) << 8) | (plainScales(3) << 12);
  for (; may != 0; may &= may - 1) {
    const j = <usize>ctz(may);
    store<f32>(SCALES + (j << 2), refine(x + (j << 6), j));
  }
}

/** CODES of the sub-blocks whose stored scale is zero: those of the search. x: as above. */
export function refinedCodes(x: usize): void {
  for (let j: usize = 0; j < 16; j++) {
    if (load<f32>(STORED + (j << 2)) != 0) continue;
    const to = CODES + (j << 4);
    v128.store(to, i32x4.splat(0));
    if (!(abs<f32>(load<f32>(EXTREMES + (j << 2))) >= 1e-15)) continue;
    refine(x + (j << 6), j);
    for (let i: usize = 0; i < 16; i++) store<u8>(to + i, <u8>(<i32>load<f32>(L + (i << 2)) + 4));
  }
}
