/**
 * Values to codes of fixed levels and back; the readable twin is ../levels.ref.ts.
 *
 * Encoders and decoders run in whole vectors over the end of a block: what they read and write there belongs to the
 * next block, which is written after it. The host leaves room for 16 values behind the last one. All pointers come
 * from the host.
 */

/** Smallest and largest value of each block, and 0. values: f32 [rows, length]; low, high: f32, one per block. */
export function range(values: usize, low: usize, high: usize, rows: i32, length: i32, block: i32): void {
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block) {
      const end = values + (<usize>min(block, length - start) << 2);
      let least = f32x4.splat(0);
      let most = least;
      let least2 = least;
      let most2 = least;
      for (; values + 32 <= end; values += 32) {
        const a = v128.load(values);
        const b = v128.load(values, 16);
        least = f32x4.pmin(least, a);
        most = f32x4.pmax(most, a);
        least2 = f32x4.pmin(least2, b);
        most2 = f32x4.pmax(most2, b);
      }
      least = f32x4.pmin(least, least2);
      most = f32x4.pmax(most, most2);
      least = f32x4.pmin(least, i32x4.shuffle(least, least, 2, 3, 0, 1));
      most = f32x4.pmax(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
      least = f32x4.pmin(least, i32x4.shuffle(least, least, 1, 0, 3, 2));
      most = f32x4.pmax(most, i32x4.shuffle(most, most, 1, 0, 3, 2));
      let l = f32x4.extract_lane(least, 0);
      let h = f32x4.extract_lane(most, 0);
      for (; values < end; values += 4) {
        const x = load<f32>(values);
        if (x < l) l = x;
        if (x > h) h = x;
      }
      store<f32>(low, l);
      store<f32>(high, h);
      low += 4;
      high += 4;
    }
  }
}

/** Sixteen counts of 32 bits to bytes. */
// @ts-ignore: decorator
@inline function bytesOf(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/**
 * At most 16 levels: each value is compared with every threshold, 16 values at a time.
 * thresholds: f32x4 [count], each in all four lanes; order: u8 [16], the codes of the levels from the lowest up.
 */
export function encodeFew(
  values: usize,
  scale: usize,
  thresholds: usize,
  count: i32,
  order: usize,
  codes: usize,
  rows: i32,
  length: i32,
  block: i32,
): void {
  const last = thresholds + (<usize>count << 4);
  const names = v128.load(order);
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, scale += 4) {
      const n = min(block, length - start);
      const step = v128.load32_splat(scale);
      let to = codes;
      for (let at = values, end = values + (<usize>n << 2); at < end; at += 64, to += 16) {
        const x0 = f32x4.div(v128.load(at), step);
        const x1 = f32x4.div(v128.load(at, 16), step);
        const x2 = f32x4.div(v128.load(at, 32), step);
        const x3 = f32x4.div(v128.load(at, 48), step);
        let n0 = i32x4.splat(0);
        let n1 = n0;
        let n2 = n0;
        let n3 = n0;
        for (let t = thresholds; t < last; t += 16) {
          const limit = v128.load(t);
          n0 = i32x4.sub(n0, f32x4.gt(x0, limit));
          n1 = i32x4.sub(n1, f32x4.gt(x1, limit));
          n2 = i32x4.sub(n2, f32x4.gt(x2, limit));
          n3 = i32x4.sub(n3, f32x4.gt(x3, limit));
        }
        v128.store(to, i8x16.swizzle(names, bytesOf(n0, n1, n2, n3)));
      }
      values += <usize>n << 2;
      codes += <usize>n;
    }
  }
}

/** Level of x: where its upper 16 bits begin, then as many comparisons as the fullest such bucket has thresholds. */
// @ts-ignore: decorator
@inline function levelOf(x: f32, buckets: usize, thresholds: usize, depth: i32): usize {
  let t = thresholds + (<usize>load<u8>(buckets + (reinterpret<u32>(x) >> 16)) << 2);
  if (depth <= 2) {
    // Two comparisons at once: the second one holds only where the first one does.
    return t + (<usize>(u32(x > load<f32>(t)) + u32(x > load<f32>(t, 4))) << 2);
  }
  for (let i = 0; i < depth; i++) t += <usize>u32(x > load<f32>(t)) << 2;
  return t;
}

/**
 * At most 256 levels. thresholds: f32 [256 and more], filled up with Infinity; buckets: u8 [65536], the number of
 * thresholds below all floats with these upper 16 bits, 0 for NaN; order: u8 [256].
 */
export function encodeMany(
  values: usize,
  scale: usize,
  thresholds: usize,
  depth: i32,
  buckets: usize,
  order: usize,
  codes: usize,
  rows: i32,
  length: i32,
  block: i32,
): void {
  const largest = f32x4.splat(f32.MAX_VALUE);
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, scale += 4) {
      const n = min(block, length - start);
      const step = v128.load32_splat(scale);
      let to = codes;
      for (let at = values, end = values + (<usize>n << 2); at < end; at += 16, to += 4) {
        // Infinities share a bucket with NaN: they become the largest floats, which have the same level.
        const quotient = f32x4.div(v128.load(at), step);
        const x = f32x4.max(f32x4.neg(largest), f32x4.min(largest, quotient));
        const a = levelOf(f32x4.extract_lane(x, 0), buckets, thresholds, depth) - thresholds;
        const b = levelOf(f32x4.extract_lane(x, 1), buckets, thresholds, depth) - thresholds;
        const c = levelOf(f32x4.extract_lane(x, 2), buckets, thresholds, depth) - thresholds;
        const d = levelOf(f32x4.extract_lane(x, 3), buckets, thresholds, depth) - thresholds;
        store<u8>(to, load<u8>(order + (a >> 2)));
        store<u8>(to, load<u8>(order + (b >> 2)), 1);
        store<u8>(to, load<u8>(order + (c >> 2)), 2);
        store<u8>(to, load<u8>(order + (d >> 2)), 3);
      }
      values += <usize>n << 2;
      codes += <usize>n;
    }
  }
}

// The float that `encodeFloats` writes: set by `configureFloat`. Globals belong to the instance.
let cut: i32 = 0; // mantissa bits that float32 has more
let signShift: i32 = 0; // from the sign of float32 down to that of the code
let rebias: i32 = 0;
let smallestNormal: i32 = 0; // bits of a float32
let alignment: f32 = 0; // its last place is that of the smallest subnormal
let largestCode: i32 = 0;
let nanCode: i32 = 0;
let nanSign: i32 = 0; // all ones where NaN keeps its sign
let zeroSign: i32 = 0; // all ones where zero keeps its sign

export function configureFloat(
  bits: i32,
  mantissaBits: i32,
  bias: i32,
  maxCode: i32,
  nan: i32,
  nanHasSign: bool,
  zeroHasSign: bool,
): void {
  cut = 23 - mantissaBits;
  signShift = 32 - bits;
  rebias = (127 - bias) << mantissaBits;
  smallestNormal = (128 - bias) << 23;
  alignment = reinterpret<f32>((127 + 24 - bias - mantissaBits) << 23);
  largestCode = maxCode;
  nanCode = nan;
  nanSign = nanHasSign ? -1 : 0;
  zeroSign = zeroHasSign ? -1 : 0;
}

/** Four values to codes, in lanes of 32 bits. */
// @ts-ignore: decorator
@inline function floatCode(v: v128): v128 {
  const bits = v128.and(v, i32x4.splat(0x7fffffff));
  const sign = i32x4.shr_u(v128.and(v, i32x4.splat(0x80000000)), signShift);
  // Normal: half of the last place, less one when that place is even, then cut.
  const odd = v128.and(i32x4.shr_u(bits, cut), i32x4.splat(1));
  const half = i32x4.splat((1 << (cut - 1)) - 1);
  const normal = i32x4.sub(i32x4.shr_u(i32x4.add(i32x4.add(bits, odd), half), cut), i32x4.splat(rebias));
  const place = f32x4.splat(alignment);
  const subnormal = i32x4.sub(f32x4.add(bits, place), place);
  let code = v128.bitselect(subnormal, normal, i32x4.lt_s(bits, i32x4.splat(smallestNormal)));
  code = i32x4.min_s(code, i32x4.splat(largestCode));
  const isZero = i32x4.eq(code, i32x4.splat(0));
  const kept = v128.or(v128.not(isZero), i32x4.splat(zeroSign));
  code = v128.or(code, v128.and(sign, kept));
  const nan = v128.or(i32x4.splat(nanCode), v128.and(sign, i32x4.splat(nanSign)));
  return v128.bitselect(nan, code, i32x4.gt_s(bits, i32x4.splat(0x7f800000)));
}

/** values: f32 [rows, length]; codes: u8 [rows, length]. */
export function encodeFloats(values: usize, scale: usize, codes: usize, rows: i32, length: i32, block: i32): void {
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, scale += 4) {
      const n = min(block, length - start);
      const step = v128.load32_splat(scale);
      let to = codes;
      for (let at = values, end = values + (<usize>n << 2); at < end; at += 64, to += 16) {
        const a = floatCode(f32x4.div(v128.load(at), step));
        const b = floatCode(f32x4.div(v128.load(at, 16), step));
        const c = floatCode(f32x4.div(v128.load(at, 32), step));
        const d = floatCode(f32x4.div(v128.load(at, 48), step));
        v128.store(to, bytesOf(a, b, c, d));
      }
      values += <usize>n << 2;
      codes += <usize>n;
    }
  }
}

/** planes: u8 [4, 16], byte k of the 16 levels as float32; codes: u8, below 16; out: f32. */
export function decodeFew(
  codes: usize,
  scale: usize,
  planes: usize,
  out: usize,
  rows: i32,
  length: i32,
  block: i32,
): void {
  const p0 = v128.load(planes);
  const p1 = v128.load(planes, 16);
  const p2 = v128.load(planes, 32);
  const p3 = v128.load(planes, 48);
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, scale += 4) {
      const n = min(block, length - start);
      const step = v128.load32_splat(scale);
      let to = out;
      for (let at = codes, end = codes + <usize>n; at < end; at += 16, to += 64) {
        const code = v128.load(at);
        const b0 = i8x16.swizzle(p0, code);
        const b1 = i8x16.swizzle(p1, code);
        const b2 = i8x16.swizzle(p2, code);
        const b3 = i8x16.swizzle(p3, code);
        const low01 = i8x16.shuffle(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const low23 = i8x16.shuffle(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const high01 = i8x16.shuffle(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const high23 = i8x16.shuffle(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        v128.store(to, f32x4.mul(i16x8.shuffle(low01, low23, 0, 8, 1, 9, 2, 10, 3, 11), step));
        v128.store(to, f32x4.mul(i16x8.shuffle(low01, low23, 4, 12, 5, 13, 6, 14, 7, 15), step), 16);
        v128.store(to, f32x4.mul(i16x8.shuffle(high01, high23, 0, 8, 1, 9, 2, 10, 3, 11), step), 32);
        v128.store(to, f32x4.mul(i16x8.shuffle(high01, high23, 4, 12, 5, 13, 6, 14, 7, 15), step), 48);
      }
      codes += <usize>n;
      out += <usize>n << 2;
    }
  }
}

/** table: f32 [256]; codes: u8; out: f32. */
export function decodeMany(
  codes: usize,
  scale: usize,
  table: usize,
  out: usize,
  rows: i32,
  length: i32,
  block: i32,
): void {
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, scale += 4) {
      const n = min(block, length - start);
      const step = load<f32>(scale);
      let to = out;
      for (let at = codes, end = codes + <usize>n; at < end; at += 4, to += 16) {
        const four = load<u32>(at);
        store<f32>(to, load<f32>(table + <usize>((four & 255) << 2)) * step);
        store<f32>(to, load<f32>(table + <usize>(((four >> 8) & 255) << 2)) * step, 4);
        store<f32>(to, load<f32>(table + <usize>(((four >> 16) & 255) << 2)) * step, 8);
        store<f32>(to, load<f32>(table + <usize>((four >> 24) << 2)) * step, 12);
      }
      codes += <usize>n;
      out += <usize>n << 2;
    }
  }
}
