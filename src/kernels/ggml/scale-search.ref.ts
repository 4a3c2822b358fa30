import { nearestInt } from './nearest-int.ref.ts';

const { fround: f, abs, sqrt, min, max } = Math;

/**
 * ggml's searches of one scale: x ≈ scale · l with l in -levels .. levels - 1. All arithmetic is float32, one rounding
 * per operation, sums from the left. Source: ggml-quants.c (llama.cpp v0.5.0).
 */

/** Where all magnitudes are below it, a block is zero. */
export const ZERO_BELOW = f(1e-15);

/** The value of largest magnitude; the first of several. */
export function extreme(x: Float32Array): number {
  let value = 0;
  for (const v of x) if (abs(v) > abs(value)) value = v;
  return value;
}

/** The level nearest to v. */
export const level = (v: number, levels: number): number => max(-levels, min(levels - 1, nearestInt(v)));

/** [Σ w·x·l, Σ w·l²] of the levels at one inverse scale. */
function sums(x: Float32Array, w: Float32Array, inverse: number, levels: number): [number, number] {
  let xl = 0;
  let ll = 0;
  for (let i = 0; i < x.length; i++) {
    const l = level(f(x[i]! * inverse), levels);
    xl = f(xl + f(f(w[i]! * x[i]!) * l));
    ll = f(ll + f(f(w[i]! * l) * l));
  }
  return [xl, ll];
}

/**
 * Tries 19 inverse scales, (levels - 0.9 .. levels + 0.9) / -extreme, and keeps the one whose least-squares scale
 * takes away most of Σ w·x². Source: make_qx_quants with rmse_type 1.
 * @param codes gets l + levels; zeros where the block is zero
 */
export function searchScale(x: Float32Array, w: Float32Array, levels: number, codes: Uint8Array): number {
  const m = extreme(x);
  if (abs(m) < ZERO_BELOW) {
    codes.fill(0);
    return 0;
  }
  let kept = f(-levels / m);
  let [xl, ll] = sums(x, w, kept, levels);
  let scale = ll === 0 ? 0 : f(xl / ll);
  let best = f(scale * xl);
  for (let step = -9; step <= 9; step++) {
    if (step === 0) continue;
    const inverse = f(-f(levels + f(f(0.1) * step)) / m);
    [xl, ll] = sums(x, w, inverse, levels);
    if (ll > 0 && f(xl * xl) > f(best * ll)) {
      kept = inverse;
      scale = f(xl / ll);
      best = f(scale * xl);
    }
  }
  for (let i = 0; i < x.length; i++) codes[i] = levels + level(f(x[i]! * kept), levels);
  return scale;
}

/**
 * Q3_K without importance: from the levels at levels / -extreme, changes one level at a time where that takes away
 * more, at most five times through the block. A negative sum of x·l, as positive extremes have, changes nothing.
 * Source: make_q3_quants.
 */
export function refineScale(x: Float32Array, levels: number, codes: Uint8Array): number {
  const m = extreme(x);
  if (abs(m) < ZERO_BELOW) {
    codes.fill(0);
    return 0;
  }
  const inverse = f(-levels / m);
  const l = Int8Array.from(x, (v) => level(f(v * inverse), levels));
  const w = x.map((v) => f(v * v));
  let [xl, ll] = sums(x, w, inverse, levels);
  for (let pass = 0, changed = true; pass < 5 && changed; pass++) {
    changed = false;
    for (let i = 0; i < x.length; i++) {
      const wx = f(w[i]! * x[i]!);
      let xlNew = f(xl - f(wx * l[i]!));
      if (!(xlNew > 0)) continue;
      let llNew = f(ll - f(f(w[i]! * l[i]!) * l[i]!));
      const lNew = level(f(f(x[i]! * llNew) / xlNew), levels);
      if (lNew === l[i]) continue;
      xlNew = f(xlNew + f(wx * lNew));
      llNew = f(llNew + f(f(w[i]! * lNew) * lNew));
      if (llNew > 0 && f(f(xlNew * xlNew) * ll) > f(f(xl * xl) * llNew)) {
        l[i] = lNew;
        xl = xlNew;
        ll = llNew;
        changed = true;
      }
    }
  }
  for (let i = 0; i < x.length; i++) codes[i] = levels + l[i]!;
  return ll > 0 ? f(xl / ll) : 0;
}

/** The weights of Q3_K's search with importance: importance · sqrt(twice the mean square of the 256 values + x²). */
export function superBlockWeights(x: Float32Array, importance: Float32Array): Float32Array {
  let sum = 0;
  for (const v of x) sum = f(sum + f(v * v));
  const meanSquare = f(f(2 * sum) / 256);
  return x.map((v, i) => f(importance[i]! * f(sqrt(f(meanSquare + f(v * v))))));
}
