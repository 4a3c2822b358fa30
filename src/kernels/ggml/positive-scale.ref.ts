import { nearestInt } from './nearest-int.ref.ts';

const { fround: f, max, min } = Math;

/**
 * The scale of x ≈ scale · L with whole L from 0 to `top`, by ggml's search: nine scales around top / max(x), the
 * best by Σ w (x - scale L)², then at most five rounds in which each code moves to where the fit of all others wants
 * it. Codes are bytes there: one below zero counts from 256 down, and that is kept.
 * Source: ggml-quants.c, make_qp_quants (llama.cpp v0.5.0).
 */
export function positiveScale(x: Float32Array, weights: Float32Array, top: number): number {
  let largest = 0;
  for (const v of x) largest = max(largest, v);
  if (largest < f(1e-15)) return 0;
  const codes = new Uint8Array(x.length);

  let inverse = f(top / largest);
  const error = (tried: number, code: (i: number) => number) => {
    const scale = f(1 / tried);
    let sum = 0;
    for (let i = 0; i < x.length; i++) {
      const off = f(x[i]! - f(scale * code(i)));
      sum = f(sum + f(f(weights[i]! * off) * off));
    }
    return sum;
  };
  const first = inverse;
  let least = error(first, (i) => nearestInt(f(first * x[i]!)) & 255);
  for (let step = -4; step <= 4; step++) {
    if (step === 0) continue;
    const tried = f(f(f(f(0.1) * step) + top) / largest);
    const sum = error(tried, (i) => min(top, nearestInt(f(tried * x[i]!))));
    if (sum < least) {
      least = sum;
      inverse = tried;
    }
  }

  let xl = 0;
  let ll = 0;
  for (let i = 0; i < x.length; i++) {
    const code = min(top, nearestInt(f(inverse * x[i]!)));
    codes[i] = code;
    xl = f(xl + f(f(weights[i]! * x[i]!) * code));
    ll = f(ll + f(f(weights[i]! * code) * code));
  }
  for (let round = 0; round < 5; round++) {
    let changed = false;
    for (let i = 0; i < x.length; i++) {
      const w = weights[i]!;
      const old = codes[i]!;
      let otherXl = f(xl - f(f(w * x[i]!) * old));
      let otherLl = f(ll - f(f(w * old) * old));
      if (!(otherXl > 0 && otherLl > 0)) continue;
      const code = min(top, nearestInt(f(f(x[i]! * otherLl) / otherXl)));
      if (code === old) continue;
      otherXl = f(otherXl + f(f(w * x[i]!) * code));
      otherLl = f(otherLl + f(f(w * code) * code));
      if (f(f(otherXl * otherXl) * ll) > f(f(xl * xl) * otherLl)) {
        codes[i] = code;
        xl = otherXl;
        ll = otherLl;
        changed = true;
      }
    }
    if (!changed) break;
  }
  return ll > 0 ? f(xl / ll) : 0;
}
