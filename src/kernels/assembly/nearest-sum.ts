/** The least distance of vectors to the sums in each row of a table; the readable twin is ../nearest-sum.ref.ts. */

/** -2 x.e */
// @ts-ignore: decorator
@inline function product(x: usize, entry: usize, unit: i32): f32 {
  let sum: f32 = 0;
  for (let d = 0; d < unit; d++) sum += load<f32>(x + (<usize>d << 2)) * load<f32>(entry + (<usize>d << 2));
  return -2 * sum;
}

/** The least table + toB of one row. */
function inRow(row: usize, toB: usize, columns: i32): f32 {
  let least = f32x4.splat(Infinity);
  let other = least;
  let b = 0;
  for (; b + 16 <= columns; b += 16) {
    least = f32x4.pmin(least, f32x4.add(v128.load(row), v128.load(toB)));
    other = f32x4.pmin(other, f32x4.add(v128.load(row, 16), v128.load(toB, 16)));
    least = f32x4.pmin(least, f32x4.add(v128.load(row, 32), v128.load(toB, 32)));
    other = f32x4.pmin(other, f32x4.add(v128.load(row, 48), v128.load(toB, 48)));
    row += 64;
    toB += 64;
  }
  for (; b < columns; b += 4) {
    least = f32x4.pmin(least, f32x4.add(v128.load(row), v128.load(toB)));
    row += 16;
    toB += 16;
  }
  least = f32x4.pmin(least, other);
  return min(
    min(f32x4.extract_lane(least, 0), f32x4.extract_lane(least, 1)),
    min(f32x4.extract_lane(least, 2), f32x4.extract_lane(least, 3)),
  );
}

/**
 * vectors: f32 [count, unit]; A: f32 [rows, unit]; squareA: f32 [rows]; B: f32 [columns, unit], columns a multiple of 4;
 * table: f32 [rows, columns]; minima: f32 [count, rows]; toA, toB: room for f32 [rows], [columns].
 */
export function rowMinima(
  vectors: usize,
  count: i32,
  unit: i32,
  A: usize,
  squareA: usize,
  rows: i32,
  B: usize,
  table: usize,
  columns: i32,
  radius: f32,
  largest: f32,
  part: f32,
  toA: usize,
  toB: usize,
  minima: usize,
): void {
  const step = <usize>unit << 2;
  for (let i = 0; i < count; i++) {
    let square: f32 = 0;
    for (let d = 0; d < unit; d++) {
      const x = load<f32>(vectors + (<usize>d << 2));
      square += x * x;
    }
    for (let b = 0; b < columns; b++) store<f32>(toB + (<usize>b << 2), product(vectors, B + <usize>b * step, unit));
    let start = 0;
    let nearest: f32 = Infinity;
    for (let a = 0; a < rows; a++) {
      const at = <usize>a << 2;
      const off = square + load<f32>(squareA + at) + product(vectors, A + <usize>a * step, unit);
      store<f32>(toA + at, off);
      if (off < nearest) {
        nearest = off;
        start = a;
      }
    }
    const doubt = part * (square + largest);
    let best: f32 = Infinity;
    let reach: f32 = Infinity;
    for (let k = 0; k <= rows; k++) {
      const a = k == 0 ? start : k - 1;
      const at = <usize>a << 2;
      const off = load<f32>(toA + at);
      if (off > reach) {
        store<f32>(minima + at, Infinity);
        continue;
      }
      const least = off + inRow(table + <usize>(a * columns) * 4, toB, columns);
      store<f32>(minima + at, least);
      if (least < best) {
        best = least;
        const far = radius + sqrt<f32>(max<f32>(0, best) + doubt);
        reach = far * far + doubt;
      }
    }
    vectors += step;
    minima += <usize>rows << 2;
  }
}
