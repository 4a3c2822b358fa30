/**
 * Scales of x ≈ scale · L with whole L from 0 to `top`, four groups of 32 at once, one per lane; the readable twin is
 * ../../ggml/positive-scale.ref.ts.
 */

/** f32x4 [32]: magnitudes and weights of four groups, transposed; i32x4 [32]: their codes. */
export const LANE_VALUES = memory.data(512, 16);
export const LANE_WEIGHTS = memory.data(512, 16);
const CODES = memory.data(512, 16);

// @ts-ignore: decorator
@inline function nearest4(v: v128): v128 {
  const bits = v128.and(f32x4.add(v, f32x4.splat(12582912)), i32x4.splat(0x007fffff));
  return i32x4.sub(bits, i32x4.splat(0x00400000));
}

// @ts-ignore: decorator
@inline function float4(v: v128): v128 {
  return f32x4.convert_i32x4_s(v);
}

/** Σ w (x - L / inverse)²; `wrapped`: codes are bytes and not limited. */
function errorOf(inverse: v128, top: i32, wrapped: bool): v128 {
  const scale = f32x4.div(f32x4.splat(1), inverse);
  let sum = f32x4.splat(0);
  for (let i: usize = 0; i < 512; i += 16) {
    const x = v128.load(LANE_VALUES + i);
    let code = nearest4(f32x4.mul(inverse, x));
    code = wrapped ? v128.and(code, i32x4.splat(255)) : i32x4.min_s(code, i32x4.splat(top));
    const off = f32x4.sub(x, f32x4.mul(scale, float4(code)));
    sum = f32x4.add(sum, f32x4.mul(f32x4.mul(v128.load(LANE_WEIGHTS + i), off), off));
  }
  return sum;
}

/** The scales of four groups; 0 where all are (nearly) zero. */
export function positiveScales(top: i32): v128 {
  const most = i32x4.splat(top);
  const zero = f32x4.splat(0);
  let largest = zero;
  for (let i: usize = 0; i < 512; i += 16) largest = f32x4.pmax(largest, v128.load(LANE_VALUES + i));

  let inverse = f32x4.div(f32x4.splat(<f32>top), largest);
  let least = errorOf(inverse, top, true);
  for (let step = -4; step <= 4; step++) {
    if (step == 0) continue;
    const tried = f32x4.div(f32x4.splat(<f32>0.1 * <f32>step + <f32>top), largest);
    const sum = errorOf(tried, top, false);
    const less = f32x4.lt(sum, least);
    least = v128.bitselect(sum, least, less);
    inverse = v128.bitselect(tried, inverse, less);
  }

  let xl = zero;
  let ll = zero;
  for (let i: usize = 0; i < 512; i += 16) {
    const x = v128.load(LANE_VALUES + i);
    const w = v128.load(LANE_WEIGHTS + i);
    const code = i32x4.min_s(nearest4(f32x4.mul(inverse, x)), most);
    v128.store(CODES + i, v128.and(code, i32x4.splat(255)));
    const q = float4(code);
    xl = f32x4.add(xl, f32x4.mul(f32x4.mul(w, x), q));
    ll = f32x4.add(ll, f32x4.mul(f32x4.mul(w, q), q));
  }
  for (let round = 0; round < 5; round++) {
    let changed = zero;
    for (let i: usize = 0; i < 512; i += 16) {
      const x = v128.load(LANE_VALUES + i);
      const w = v128.load(LANE_WEIGHTS + i);
      const old = v128.load(CODES + i);
      const wx = f32x4.mul(w, x);
      const p = float4(old);
      const otherXl = f32x4.sub(xl, f32x4.mul(wx, p));
      const otherLl = f32x4.sub(ll, f32x4.mul(f32x4.mul(w, p), p));
      const code = i32x4.min_s(nearest4(f32x4.div(f32x4.mul(x, otherLl), otherXl)), most);
      let moved = v128.and(f32x4.gt(otherXl, zero), f32x4.gt(otherLl, zero));
      moved = v128.and(moved, i32x4.ne(code, old));
      if (!v128.any_true(moved)) continue;
      const q = float4(code);
      const newXl = f32x4.add(otherXl, f32x4.mul(wx, q));
      const newLl = f32x4.add(otherLl, f32x4.mul(f32x4.mul(w, q), q));
      const gain = f32x4.mul(f32x4.mul(newXl, newXl), ll);
      moved = v128.and(moved, f32x4.gt(gain, f32x4.mul(f32x4.mul(xl, xl), newLl)));
      v128.store(CODES + i, v128.bitselect(v128.and(code, i32x4.splat(255)), old, moved));
      xl = v128.bitselect(newXl, xl, moved);
      ll = v128.bitselect(newLl, ll, moved);
      changed = v128.or(changed, moved);
    }
    // A lane without a change in one round has none in the next.
    if (!v128.any_true(changed)) break;
  }
  const found = v128.and(f32x4.ge(largest, f32x4.splat(1e-15)), f32x4.gt(ll, zero));
  return v128.and(f32x4.div(xl, ll), found);
}
