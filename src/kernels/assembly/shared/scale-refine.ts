/**
 * ggml's search of Q3_K without importance: levels -4 .. 3 at the plain scale, then changed one by one where that
 * takes away more of x^4. The readable twin is refineScale of ../../ggml/scale-search.ref.ts.
 *
 * Hardly a fifth of the sub-blocks changes at all. Those are found four in lanes (plain-scales.ts); only they are gone
 * through value by value.
 */
import { CODES, nearestInt, STORED } from './k-scale-bytes';
import { EXTREMES, LL, plainScales, REFINED, THREE, XL } from './plain-scales';

/** Those that may change: u8 [64]. */
const LIST: usize = memory.data(64, 16);
let listed: usize = 0;

/** Of those listed: levels, w, w x, f32 [64, 16] each; bits of the values that may change, i32 [64]. */
const L: usize = memory.data(4096, 16);
const WEIGHTS: usize = memory.data(4096, 16);
const WX: usize = memory.data(4096, 16);
const MAY: usize = memory.data(256, 16);

const INDEX: usize = memory.data<i32>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 16);

// @ts-ignore: decorator
@inline function beyond(x: v128, l: v128, wx: v128, xl: v128, ll: v128, bound: v128): v128 {
  const top = f32x4.mul(xl, f32x4.splat(3));
  const low = f32x4.mul(xl, f32x4.splat(-4));
  const product = f32x4.mul(wx, l);
  const off = f32x4.sub(f32x4.pmax(low, f32x4.pmin(top, f32x4.mul(x, ll))), f32x4.mul(l, xl));
  return f32x4.ge(f32x4.pmax(f32x4.add(product, off), f32x4.sub(product, off)), bound);
}

/** Bit k: value k of those at x, with their levels a, b, c and d, may have another level. */
// @ts-ignore: decorator
@inline function mayChange(x: usize, wx: usize, a: v128, b: v128, c: v128, d: v128, xl: f32, ll: f32): i32 {
  const xl2 = f32x4.splat(xl * <f32>2.001);
  const ll2 = f32x4.splat(ll * <f32>2.001);
  const bound = f32x4.splat(xl * <f32>0.9999);
  return i8x16.bitmask(
    i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(
        beyond(v128.load(x), a, v128.load(wx), xl2, ll2, bound),
        beyond(v128.load(x, 16), b, v128.load(wx, 16), xl2, ll2, bound),
      ),
      i16x8.narrow_i32x4_s(
        beyond(v128.load(x, 32), c, v128.load(wx, 32), xl2, ll2, bound),
        beyond(v128.load(x, 48), d, v128.load(wx, 48), xl2, ll2, bound),
      ),
    ),
  );
}

// @ts-ignore: decorator
@inline function isOrdinary(xl: f32, ll: f32): bool {
  return xl > 1e-30 && xl < 1e30 && ll < 1e30;
}

/** Bits of the values that may change once l is in place i of the levels at `at`. */
// @ts-ignore: decorator
@inline function mayChangeAfter(x: usize, at: usize, i: i32, l: f32, xl: f32, ll: f32): i32 {
  const is = i32x4.splat(i);
  const four = f32x4.splat(l);
  // Whole vectors are written: they are read as such soon.
  const a = v128.bitselect(four, v128.load(at), i32x4.eq(v128.load(INDEX), is));
  const b = v128.bitselect(four, v128.load(at, 16), i32x4.eq(v128.load(INDEX, 16), is));
  const c = v128.bitselect(four, v128.load(at, 32), i32x4.eq(v128.load(INDEX, 32), is));
  const d = v128.bitselect(four, v128.load(at, 48), i32x4.eq(v128.load(INDEX, 48), is));
  v128.store(at, a);
  v128.store(at, b, 16);
  v128.store(at, c, 32);
  v128.store(at, d, 48);
  if (!isOrdinary(xl, ll)) return 0xffff;
  return mayChange(x, at + (WX - L), a, b, c, d, xl, ll);
}

/** Levels, weights and bits of sub-block j of the 64, f32 [16] at x, to one of the 64 places. */
function enter(x: usize, j: usize, place: usize): void {
  const inverse = f32x4.splat(<f32>-4 / load<f32>(EXTREMES + (j << 2)));
  const three = v128.load32_splat(THREE);
  const to = L + (place << 6);
  for (let i: usize = 0; i < 64; i += 16) {
    const v = v128.load(x + i);
    const w = f32x4.mul(v, v);
    v128.store(to + i, f32x4.pmin(three, f32x4.nearest(f32x4.mul(v, inverse))));
    v128.store(to + (WEIGHTS - L) + i, w);
    v128.store(to + (WX - L) + i, f32x4.mul(w, v));
  }
  const xl = load<f32>(XL + (j << 2));
  const ll = load<f32>(LL + (j << 2));
  const a = v128.load(to);
  const b = v128.load(to, 16);
  const c = v128.load(to, 32);
  const d = v128.load(to, 48);
  store<i32>(MAY + (place << 2), isOrdinary(xl, ll) ? mayChange(x, to + (WX - L), a, b, c, d, xl, ll) : 0xffff);
}

/** The level nearest to x * ll / xl. */
// @ts-ignore: decorator
@inline function levelAt(x: f32, ll: f32, xl: f32): f32 {
  return <f32>max<i32>(-4, min<i32>(3, nearestInt((x * ll) / xl)));
}

/** Goes through sub-block j at one of the places up to five times; returns its scale. */
function refine(x: usize, j: usize, place: usize): f32 {
  const levels = L + (place << 6);
  let xl = load<f32>(XL + (j << 2));
  let ll = load<f32>(LL + (j << 2));
  // Those that may change and were not tried with the sums as they are; those behind the last that was tried.
  let may = load<i32>(MAY + (place << 2));
  let behind = -1;
  let pass = 0;
  while (may != 0) {
    const ahead = may & behind;
    pass += i32(ahead == 0);
    if (pass == 5) break;
    const i = ctz(select<i32>(ahead, may, ahead != 0));
    behind = -(2 << i);
    may &= ~(1 << i);
    const at = <usize>i << 2;
    const value = load<f32>(x + at);
    const l = load<f32>(levels + at);
    const w = load<f32>(levels + (WEIGHTS - L) + at);
    const wx = load<f32>(levels + (WX - L) + at);
    let xlNew: f32 = xl - wx * l;
    if (!(xlNew > 0)) continue;
    let llNew: f32 = ll - w * l * l;
    // As a rule it is the neighbour; where this is sure no quotient is waited for.
    let lNew: f32 = l + copysign<f32>(1, value * ll - l * xl);
    const off = abs<f32>(value * llNew - lNew * xlNew);
    if (!(off < xlNew * <f32>0.499 && abs<f32>(lNew + <f32>0.5) < 4 && isOrdinary(xl, ll))) {
      lNew = levelAt(value, llNew, xlNew);
      if (lNew == l) continue;
    }
    xlNew += wx * lNew;
    llNew += w * lNew * lNew;
    if (!(llNew > 0 && xlNew * xlNew * ll > xl * xl * llNew)) continue;
    xl = xlNew;
    ll = llNew;
    may = mayChangeAfter(x, levels, i, lNew, xl, ll);
  }
  return ll > 0 ? xl / ll : 0;
}

/** Forgets the list of those that may change. */
export function startRefining(): void {
  listed = 0;
}

/** REFINED of the super-block whose vectors are at X, as far as it goes without change. */
export function addSuperBlock(block: usize): void {
  const first = block << 4;
  let may = plainScales(0, first) | (plainScales(2, first + 8) << 8);
  for (; may != 0; may &= may - 1) store<u8>(LIST + listed++, <u8>(first + ctz(may)));
}

/** Refines the scales that may change. x: f32 [4, 256], the super-blocks. */
export function refineListed(x: usize): void {
  for (let i: usize = 0; i < listed; i++) {
    const j = <usize>load<u8>(LIST + i);
    enter(x + (j << 6), j, i);
  }
  for (let i: usize = 0; i < listed; i++) {
    const j = <usize>load<u8>(LIST + i);
    store<f32>(REFINED + (j << 2), refine(x + (j << 6), j, i));
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
    enter(x, from, 0);
    if (load<f32>(XL + (from << 2)) > 0) refine(x, from, 0);
    for (let i: usize = 0; i < 16; i++) store<u8>(to + i, <u8>(<i32>load<f32>(L + (i << 2)) + 4));
  }
}
