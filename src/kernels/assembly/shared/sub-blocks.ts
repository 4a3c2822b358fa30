/** Four arrays side by side: lane k of every vector belongs to array k, so that each lane sums in ggml's order. */

// @ts-ignore: decorator
@inline function low(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 0, 4, 1, 5);
}

// @ts-ignore: decorator
@inline function high(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 2, 6, 3, 7);
}

/** to: v128 [bytes / 4]; vector i gets element i of the f32 arrays at a, b, c and d, of `bytes` each. */
export function sideBySide(a: usize, b: usize, c: usize, d: usize, bytes: usize, to: usize): void {
  for (let i: usize = 0; i < bytes; i += 16, to += 64) {
    const ab = low(v128.load(a + i), v128.load(b + i));
    const cd = low(v128.load(c + i), v128.load(d + i));
    v128.store(to, i64x2.shuffle(ab, cd, 0, 2));
    v128.store(to, i64x2.shuffle(ab, cd, 1, 3), 16);
    const ab2 = high(v128.load(a + i), v128.load(b + i));
    const cd2 = high(v128.load(c + i), v128.load(d + i));
    v128.store(to, i64x2.shuffle(ab2, cd2, 0, 2), 32);
    v128.store(to, i64x2.shuffle(ab2, cd2, 1, 3), 48);
  }
}

/** to: f32 [4], the sums of squares of the f32 [256] at a, b, c and d, from the left. */
export function sumSquares(a: usize, b: usize, c: usize, d: usize, to: usize): void {
  let sum = f32x4.splat(0);
  for (let i: usize = 0; i < 1024; i += 16) {
    const ab = low(v128.load(a + i), v128.load(b + i));
    const cd = low(v128.load(c + i), v128.load(d + i));
    const ab2 = high(v128.load(a + i), v128.load(b + i));
    const cd2 = high(v128.load(c + i), v128.load(d + i));
    const x0 = i64x2.shuffle(ab, cd, 0, 2);
    const x1 = i64x2.shuffle(ab, cd, 1, 3);
    const x2 = i64x2.shuffle(ab2, cd2, 0, 2);
    const x3 = i64x2.shuffle(ab2, cd2, 1, 3);
    sum = f32x4.add(sum, f32x4.mul(x0, x0));
    sum = f32x4.add(sum, f32x4.mul(x1, x1));
    sum = f32x4.add(sum, f32x4.mul(x2, x2));
    sum = f32x4.add(sum, f32x4.mul(x3, x3));
  }
  v128.store(to, sum);
}

/** The value of largest magnitude of each lane, the first of several; x: v128 [bytes / 16]. */
export function extremes(x: usize, bytes: usize): v128 {
  let low = f32x4.splat(0);
  let high = low;
  for (let i: usize = 0; i < bytes; i += 32) {
    low = f32x4.pmin(low, v128.load(x + i));
    high = f32x4.pmax(high, v128.load(x + i));
    low = f32x4.pmin(low, v128.load(x + i, 16));
    high = f32x4.pmax(high, v128.load(x + i, 16));
  }
  const far = f32x4.neg(low);
  let m = v128.bitselect(low, high, f32x4.gt(far, high));
  // The same magnitude with both signs: the first counts.
  if (v128.any_true(v128.and(f32x4.eq(far, high), f32x4.gt(high, f32x4.splat(0))))) {
    m = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const v = v128.load(x + i);
      m = v128.bitselect(v, m, f32x4.gt(f32x4.abs(v), f32x4.abs(m)));
    }
  }
  return m;
}
