/**
 * Counting values into the bins of a histogram; the readable twin is ../histogram.ref.ts.
 *
 * Memory: a block of values, the result of `extremes`, and one table of counts per SIMD lane. Four tables,
 * because neighbouring values often fall into the same bin: adding to one counter twice in a row waits for
 * the first store.
 */

const BLOCK: usize = 16384; // float32 values
const BINS: usize = 4096;

const INPUT: usize = 1024;
const RESULT: usize = INPUT + BLOCK * 4;
const TABLES: usize = RESULT + 64;
const TABLE_BYTES: usize = BINS * 4;

export function input(): usize {
  return INPUT;
}
export function result(): usize {
  return RESULT;
}
export function tables(): usize {
  return TABLES;
}
export function blockLength(): i32 {
  return BLOCK as i32;
}
export function binCount(): i32 {
  return BINS as i32;
}

/** Writes [min, max] as float32 and the number of zeros as int32; NaN anywhere makes both ends NaN. */
export function extremes(count: i32): void {
  // pmin and pmax are one instruction each and pass over NaN, which is looked for beside them.
  let low = f32x4.splat(f32.POSITIVE_INFINITY);
  let high = f32x4.splat(f32.NEGATIVE_INFINITY);
  let low2 = low;
  let high2 = high;
  let zeros = i32x4.splat(0);
  let zeros2 = zeros;
  let nan = zeros;
  const zero = f32x4.splat(0);
  const pairs = INPUT + ((<usize>count & ~7) << 2);
  const end = INPUT + (<usize>count << 2);
  let at = INPUT;
  for (; at < pairs; at += 32) {
    const v = v128.load(at);
    const w = v128.load(at, 16);
    low = f32x4.pmin(low, v);
    high = f32x4.pmax(high, v);
    low2 = f32x4.pmin(low2, w);
    high2 = f32x4.pmax(high2, w);
    zeros = i32x4.add(zeros, f32x4.eq(v, zero));
    zeros2 = i32x4.add(zeros2, f32x4.eq(w, zero));
    nan = v128.or(nan, v128.or(f32x4.ne(v, v), f32x4.ne(w, w)));
  }
  low = f32x4.pmin(low, low2);
  high = f32x4.pmax(high, high2);
  zeros = i32x4.add(zeros, zeros2);
  let min = min4(low);
  let max = max4(high);
  let none =
    i32x4.extract_lane(zeros, 0) + i32x4.extract_lane(zeros, 1) + i32x4.extract_lane(zeros, 2) + i32x4.extract_lane(zeros, 3);
  let anyNan = v128.any_true(nan);
  for (; at < end; at += 4) {
    const v = load<f32>(at);
    min = f32.min(min, v);
    max = f32.max(max, v);
    none -= i32(v == 0);
    anyNan = anyNan || v != v;
  }
  store<f32>(RESULT, anyNan ? f32.NaN : min);
  store<f32>(RESULT + 4, anyNan ? f32.NaN : max);
  store<i32>(RESULT + 8, -none);
}

/** Float bits of 1.5 * 2^23: added to a whole number below 2^22, the low bits are that number. */
const WHOLE: f32 = 12582912;
const WHOLE_BITS: i32 = 0x4b400000;

/** Adds one to bin floor(value * perBin) - first, for each of the first `count` values. */
export function countInto(count: i32, perBin: f32, first: i32): void {
  const scale = f32x4.splat(perBin);
  const magic = f32x4.splat(WHOLE);
  const offset = i32x4.splat(WHOLE_BITS + first);
  const whole = INPUT + ((<usize>count & ~3) << 2);
  const end = INPUT + (<usize>count << 2);
  let at = INPUT;
  for (; at < whole; at += 16) {
    const k = f32x4.add(f32x4.floor(f32x4.mul(v128.load(at), scale)), magic);
    const byte = i32x4.shl(i32x4.sub(k, offset), 2);
    const even = i64x2.extract_lane(byte, 0);
    const odd = i64x2.extract_lane(byte, 1);
    increment0(<usize>(<i32>even));
    increment1(<usize>(even >>> 32));
    increment2(<usize>(<i32>odd));
    increment3(<usize>(odd >>> 32));
  }
  for (; at < end; at += 4) {
    increment0((i32(floor<f32>(load<f32>(at) * perBin)) - first) << 2);
  }
}

/** Adds the four tables into the first one, as unsigned 32-bit counts. */
export function addTables(): void {
  for (let i: usize = 0; i < TABLE_BYTES; i += 16) {
    const at = TABLES + i;
    const sum = i32x4.add(
      i32x4.add(v128.load(at), v128.load(at + TABLE_BYTES)),
      i32x4.add(v128.load(at + 2 * TABLE_BYTES), v128.load(at + 3 * TABLE_BYTES)),
    );
    v128.store(at, sum);
  }
}

/** Clears all tables. */
export function clear(): void {
  memory.fill(TABLES, 0, 4 * TABLE_BYTES);
}

// @ts-ignore: decorator
@inline function increment0(byte: usize): void {
  store<u32>(byte, load<u32>(byte, TABLES) + 1, TABLES);
}

// @ts-ignore: decorator
@inline function increment1(byte: usize): void {
  store<u32>(byte, load<u32>(byte, TABLES + TABLE_BYTES) + 1, TABLES + TABLE_BYTES);
}

// @ts-ignore: decorator
@inline function increment2(byte: usize): void {
  store<u32>(byte, load<u32>(byte, TABLES + 2 * TABLE_BYTES) + 1, TABLES + 2 * TABLE_BYTES);
}

// @ts-ignore: decorator
@inline function increment3(byte: usize): void {
  store<u32>(byte, load<u32>(byte, TABLES + 3 * TABLE_BYTES) + 1, TABLES + 3 * TABLE_BYTES);
}

// @ts-ignore: decorator
@inline function min4(v: v128): f32 {
  return f32.min(
    f32.min(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    f32.min(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

// @ts-ignore: decorator
@inline function max4(v: v128): f32 {
  return f32.max(
    f32.max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    f32.max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}
