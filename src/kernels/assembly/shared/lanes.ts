/**
 * Blocks side by side: lane k of every vector belongs to block k of four. Each lane adds in the order of its own
 * block, so sums have the bits of a plain loop, four blocks at a time. At the end, where fewer than four are left,
 * the last one stands in for the missing ones and is written again with the same bytes.
 */

// @ts-ignore: decorator
@inline function transpose(r0: v128, r1: v128, r2: v128, r3: v128, to: usize, apart: usize): void {
  const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
  const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
  const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
  v128.store(to + apart, i64x2.shuffle(low01, low23, 1, 3));
  v128.store(to + 2 * apart, i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + 3 * apart, i64x2.shuffle(high01, high23, 1, 3));
}

/**
 * Vector i, `apart` bytes from the one before, gets element i of the f32 arrays at a, b, c and d.
 * count: a multiple of 4.
 */
// @ts-ignore: decorator
@inline export function gather(a: usize, b: usize, c: usize, d: usize, count: usize, to: usize, apart: usize): void {
  for (let i: usize = 0; i < count << 2; i += 16, to += apart << 2) {
    transpose(v128.load(a + i), v128.load(b + i), v128.load(c + i), v128.load(d + i), to, apart);
  }
}

/** The inverse of `gather` for 32-bit lanes: writes lane k of the four vectors at `from` to the k-th address. */
export function scatter4(from: usize, a: usize, b: usize, c: usize, d: usize): void {
  transpose(v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48), from, 16);
  v128.store(a, v128.load(from));
  v128.store(b, v128.load(from, 16));
  v128.store(c, v128.load(from, 32));
  v128.store(d, v128.load(from, 48));
}

const FOUR = memory.data(64, 16);

/** Mean squares of the f32 arrays at a, b, c and d, summed from the left. length: a multiple of 4. */
export function meanSquares(a: usize, b: usize, c: usize, d: usize, length: i32): v128 {
  let sum = f32x4.splat(0);
  for (let i: usize = 0; i < <usize>length << 2; i += 16) {
    transpose(v128.load(a + i), v128.load(b + i), v128.load(c + i), v128.load(d + i), FOUR, 16);
    for (let k: usize = 0; k < 64; k += 16) {
      const x = v128.load(FOUR + k);
      sum = f32x4.add(sum, f32x4.mul(x, x));
    }
  }
  return f32x4.div(sum, f32x4.splat(<f32>length));
}
