/** The nearest entry of a book to each vector; the readable twin is ../nearest-vector.ref.ts. */

/** The same dimension of four vectors that lie one after another. */
// @ts-ignore: decorator
@inline function dimension(at: usize, d: i32, unit: i32): v128 {
  const from = at + (<usize>d << 2);
  const step = <usize>unit << 2;
  let x = v128.load32_zero(from);
  x = v128.load_lane<f32>(from + step, x, 1);
  x = v128.load_lane<f32>(from + 2 * step, x, 2);
  return v128.load_lane<f32>(from + 3 * step, x, 3);
}

// @ts-ignore: decorator
@inline function square(x: v128, entry: usize, d: i32): v128 {
  const off = f32x4.sub(x, v128.load32_splat(entry + (<usize>d << 2)));
  return f32x4.mul(off, off);
}

/** Four vectors at a time; `unit` is known where this is called, so that only its dimensions remain. */
// @ts-ignore: decorator
@inline function search(at: usize, count: i32, book: usize, entries: i32, to: usize, unit: i32): void {
  const size = <usize>unit << 2;
  for (let i = 0; i < count; i += 4) {
    const x0 = dimension(at, 0, unit);
    const x1 = unit > 1 ? dimension(at, 1, unit) : x0;
    const x2 = unit > 2 ? dimension(at, 2, unit) : x0;
    const x3 = unit > 3 ? dimension(at, 3, unit) : x0;
    const x4 = unit > 4 ? dimension(at, 4, unit) : x0;
    const x5 = unit > 5 ? dimension(at, 5, unit) : x0;
    const x6 = unit > 6 ? dimension(at, 6, unit) : x0;
    const x7 = unit > 7 ? dimension(at, 7, unit) : x0;
    let least = f32x4.splat(Infinity);
    let codes = i32x4.splat(0);
    let number = i32x4.splat(0);
    const one = i32x4.splat(1);
    let entry = book;
    for (let e = 0; e < entries; e++) {
      let distance = square(x0, entry, 0);
      if (unit > 1) distance = f32x4.add(distance, square(x1, entry, 1));
      if (unit > 2) distance = f32x4.add(distance, square(x2, entry, 2));
      if (unit > 3) distance = f32x4.add(distance, square(x3, entry, 3));
      if (unit > 4) distance = f32x4.add(distance, square(x4, entry, 4));
      if (unit > 5) distance = f32x4.add(distance, square(x5, entry, 5));
      if (unit > 6) distance = f32x4.add(distance, square(x6, entry, 6));
      if (unit > 7) distance = f32x4.add(distance, square(x7, entry, 7));
      const nearer = f32x4.lt(distance, least);
      least = v128.bitselect(distance, least, nearer);
      codes = v128.bitselect(number, codes, nearer);
      number = i32x4.add(number, one);
      entry += size;
    }
    store<u8>(to, <u8>i32x4.extract_lane(codes, 0));
    store<u8>(to, <u8>i32x4.extract_lane(codes, 1), 1);
    store<u8>(to, <u8>i32x4.extract_lane(codes, 2), 2);
    store<u8>(to, <u8>i32x4.extract_lane(codes, 3), 3);
    at += size << 2;
    to += 4;
  }
}

/** vectors: f32 [count, unit], readable up to the next multiple of 4; book: f32 [entries, unit]; codes: u8 likewise. */
export function nearest(vectors: usize, count: i32, book: usize, entries: i32, unit: i32, codes: usize): void {
  if (unit == 1) search(vectors, count, book, entries, codes, 1);
  else if (unit == 2) search(vectors, count, book, entries, codes, 2);
  else if (unit == 3) search(vectors, count, book, entries, codes, 3);
  else if (unit == 4) search(vectors, count, book, entries, codes, 4);
  else if (unit == 5) search(vectors, count, book, entries, codes, 5);
  else if (unit == 6) search(vectors, count, book, entries, codes, 6);
  else if (unit == 7) search(vectors, count, book, entries, codes, 7);
  else search(vectors, count, book, entries, codes, 8);
}
