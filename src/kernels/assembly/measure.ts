/** Sums over two arrays; the readable twin is ../measure.ref.ts. */

/** At `to`: f64 [4] partial sums of a^2, f64 [4] partial sums of (a - b)^2; value i goes to sum i mod 4. */
export function squares(a: usize, b: usize, count: i32, to: usize): void {
  let signal0 = v128.load(to);
  let signal1 = v128.load(to, 16);
  let noise0 = v128.load(to, 32);
  let noise1 = v128.load(to, 48);
  const whole = a + (<usize>(count & ~3) << 2);
  const end = a + (<usize>count << 2);
  const gap = b - a;
  for (; a < whole; a += 16) {
    const x = v128.load(a);
    const y = v128.load(a + gap);
    const x0 = f64x2.promote_low_f32x4(x);
    const x1 = f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 1));
    const e0 = f64x2.sub(x0, f64x2.promote_low_f32x4(y));
    const e1 = f64x2.sub(x1, f64x2.promote_low_f32x4(i64x2.shuffle(y, y, 1, 1)));
    signal0 = f64x2.add(signal0, f64x2.mul(x0, x0));
    signal1 = f64x2.add(signal1, f64x2.mul(x1, x1));
    noise0 = f64x2.add(noise0, f64x2.mul(e0, e0));
    noise1 = f64x2.add(noise1, f64x2.mul(e1, e1));
  }
  v128.store(to, signal0);
  v128.store(to, signal1, 16);
  v128.store(to, noise0, 32);
  v128.store(to, noise1, 48);
  for (; a < end; a += 4, to += 8) {
    const x = <f64>load<f32>(a);
    const e = x - <f64>load<f32>(a + gap);
    store<f64>(to, load<f64>(to) + x * x);
    store<f64>(to, load<f64>(to, 32) + e * e, 32);
  }
}
