/** ggml types of signs, ternary values, two bits, and E2M1 floats; the readable twins are ../ggml/<type>.ref.ts. */
import { decode16 } from './shared/decode16';
import { addError, anyWeight, codes16, signedLevels, sumColumns } from './shared/e2m1';
import { half4, halfBits, halfValue } from './shared/half';
import { gather } from './shared/lanes';
import { fifthBits } from './shared/legacy-packing';
import {
  bestLevels, INVERSE, levelCodes, SCALE_BITS, setWeights, signCodes, W, X,
} from './shared/level-search';
import {
  CODES, packNeighbours, packTrits, packTwoBits, unpackNeighbours, unpackTrits, unpackTwoBits,
} from './shared/trits';

export * from './shared/block-io';

/** Where the lanes' rows are: those that are missing at the end are the last one again. */
// @ts-ignore: decorator
@inline function lane(from: usize, row: i32, rows: i32, stride: usize): usize {
  return from + <usize>min<i32>(row, rows - 1) * stride;
}

/** The largest magnitude of f32 [count]. */
// @ts-ignore: decorator
@inline function largestOf(values: usize, count: usize): f32 {
  let m = f32x4.splat(0);
  for (let i: usize = 0; i < count << 2; i += 16) m = f32x4.pmax(m, f32x4.abs(v128.load(values + i)));
  const pair = f32x4.pmax(m, i32x4.shuffle(m, m, 2, 3, 2, 3));
  return f32x4.extract_lane(f32x4.pmax(pair, i32x4.shuffle(pair, pair, 1, 1, 1, 1)), 0);
}

// Q1_0

/** values: f32 [rows, length]; bytes: the blocks; importance: f32 [length] or 0, looked at in best search. */
export function encode_q1_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (!best || !importance) {
    rows *= length >> 7;
    length = 128;
  }
  const blocks = <usize>length >> 7;
  const stride = blocks << 9;
  for (let row = 0; row < rows; row += 4) {
    for (let block: usize = 0; block < blocks; block++) {
      const x = values + (block << 9);
      const to = bytes + block * 18;
      const a = lane(x, row, rows, stride);
      const b = lane(x, row + 1, rows, stride);
      const c = lane(x, row + 2, rows, stride);
      const d = lane(x, row + 3, rows, stride);
      gather(a, b, c, d, 128, X, 16);
      let sum = f32x4.splat(0);
      let scale: v128;
      if (best && importance && setWeights(importance + (block << 9), 128)) {
        let total = f32x4.splat(0);
        for (let i: usize = 0; i < 2048; i += 16) {
          const w = v128.load(W + i);
          sum = f32x4.add(sum, f32x4.mul(w, f32x4.abs(v128.load(X + i))));
          total = f32x4.add(total, w);
        }
        scale = f32x4.div(sum, total);
      } else {
        for (let i: usize = 0; i < 2048; i += 16) sum = f32x4.add(sum, f32x4.abs(v128.load(X + i)));
        scale = f32x4.div(sum, f32x4.splat(128));
      }
      let bits = half4(scale);
      if (best) bits = i32x4.min_s(bits, i32x4.splat(0x7bff));
      writeSigns(a, lane(to, row, rows, blocks * 18), <u16>i32x4.extract_lane(bits, 0));
      writeSigns(b, lane(to, row + 1, rows, blocks * 18), <u16>i32x4.extract_lane(bits, 1));
      writeSigns(c, lane(to, row + 2, rows, blocks * 18), <u16>i32x4.extract_lane(bits, 2));
      writeSigns(d, lane(to, row + 3, rows, blocks * 18), <u16>i32x4.extract_lane(bits, 3));
    }
  }
}

function writeSigns(x: usize, to: usize, scale: u16): void {
  const zero = f32x4.splat(0);
  store<u16>(to, scale);
  for (let i: usize = 0; i < 8; i++, x += 64) {
    const a = i16x8.narrow_i32x4_s(f32x4.ge(v128.load(x), zero), f32x4.ge(v128.load(x, 16), zero));
    const b = i16x8.narrow_i32x4_s(f32x4.ge(v128.load(x, 32), zero), f32x4.ge(v128.load(x, 48), zero));
    store<u16>(to + 2 + (i << 1), <u16>i8x16.bitmask(i8x16.narrow_i16x8_s(a, b)));
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_q1_0(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; bytes += 18) {
    const d = f32x4.splat(halfValue(load<u16>(bytes)));
    for (let i: usize = 0; i < 16; i += 2, values += 64) {
      const signs = i8x16.sub(i8x16.shr_u(fifthBits(load<u16>(bytes + 2 + i)), 3), i8x16.splat(1));
      decode16(false, signs, d, d, values);
    }
  }
}

// TQ1_0, TQ2_0, Q2_0

const TERNARY = 0;
const TERNARY_DENSE = 1;
const TWO_BITS = 2;

// Starts of the best searches: ../ggml/level-search.ref.ts.
const TERNARY_STARTS = memory.data<f32>([1.25, 2.25, 3.5, 6]);
const TWO_BIT_STARTS = memory.data<f32>([1.5, 2, 2.5, 3.25, 4.25, -0.875, -1.25, -1.75, -2.25, -3]);

function bestTernary(): void {
  bestLevels(-1, 1, 256, TERNARY_STARTS, 4, false);
}
function weightedTernary(): void {
  bestLevels(-1, 1, 256, TERNARY_STARTS, 4, true);
}
function bestTwoBits(): void {
  bestLevels(-1, 2, 64, TWO_BIT_STARTS, 10, false);
}
function weightedTwoBits(): void {
  bestLevels(-1, 2, 64, TWO_BIT_STARTS, 10, true);
}

/** Writes CODES and the scale of a block. */
// @ts-ignore: decorator
@inline function writeBlock(kind: i32, to: usize, scale: u32): void {
  if (kind == TERNARY_DENSE) {
    packTrits(to);
    store<u16>(to + 52, <u16>scale);
  } else if (kind == TERNARY) {
    packTwoBits(to);
    store<u16>(to + 64, <u16>scale);
  } else {
    store<u16>(to, <u16>scale);
    packNeighbours(to + 2);
  }
}

/** ggml's: the largest magnitude is the scale. */
// @ts-ignore: decorator
@inline function encodeLargest(kind: i32, values: usize, bytes: usize, count: usize): void {
  const size: usize = kind == TWO_BITS ? 64 : 256;
  const end = values + (count << 2);
  for (; values < end; values += size << 2) {
    const d = largestOf(values, size);
    const reciprocal: f32 = d > 0 ? 1 / d : 0;
    // A denormal scale has no finite inverse: codes are what x86 makes of Inf and NaN, 1 with lroundf and 0 with a cast.
    const finite = reciprocal != f32.POSITIVE_INFINITY;
    const inverse = f32x4.splat(finite ? reciprocal : 0);
    const keep = i8x16.splat(kind == TWO_BITS && !finite ? 0 : -1);
    for (let i: usize = 0; i < size; i += 16) {
      v128.store(CODES + i, v128.and(signCodes(values + (i << 2), inverse), keep));
    }
    writeBlock(kind, bytes, halfBits(d));
    bytes += kind == TERNARY_DENSE ? 54 : kind == TERNARY ? 66 : 18;
  }
}

// @ts-ignore: decorator
@inline function encodeBest(kind: i32, values: usize, bytes: usize, rows: i32, length: i32, importance: usize): void {
  const size = kind == TWO_BITS ? 64 : 256;
  const blockBytes: usize = kind == TERNARY_DENSE ? 54 : kind == TERNARY ? 66 : 18;
  if (!importance) {
    rows *= length / size;
    length = size;
  }
  const blocks = <usize>(length / size);
  const stride = <usize>length << 2;
  for (let row = 0; row < rows; row += 4) {
    for (let block: usize = 0; block < blocks; block++) {
      const at = block * (<usize>size << 2);
      const x = values + at;
      const d = lane(x, row + 3, rows, stride);
      gather(lane(x, row, rows, stride), lane(x, row + 1, rows, stride), lane(x, row + 2, rows, stride), d, size, X, 16);
      if (importance && setWeights(importance + at, size)) {
        if (kind == TWO_BITS) weightedTwoBits();
        else weightedTernary();
      } else {
        if (kind == TWO_BITS) bestTwoBits();
        else bestTernary();
      }
      for (let k = 0; k < min<i32>(4, rows - row); k++) {
        const from = x + <usize>(row + k) * stride;
        const inverse = v128.load32_splat(INVERSE + (<usize>k << 2));
        for (let i: usize = 0; i < <usize>size; i += 16) {
          v128.store(CODES + i, levelCodes(from + (i << 2), inverse, -1, kind == TWO_BITS ? 2 : 1));
        }
        const to = bytes + (<usize>(row + k) * blocks + block) * blockBytes;
        writeBlock(kind, to, load<u32>(SCALE_BITS + (<usize>k << 2)));
      }
    }
  }
}

/** As `encode_q1_0`. */
export function encode_tq1_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best) encodeBest(TERNARY_DENSE, values, bytes, rows, length, importance);
  else encodeLargest(TERNARY_DENSE, values, bytes, <usize>rows * <usize>length);
}

/** As `encode_q1_0`. */
export function encode_tq2_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best) encodeBest(TERNARY, values, bytes, rows, length, importance);
  else encodeLargest(TERNARY, values, bytes, <usize>rows * <usize>length);
}

/** As `encode_q1_0`. */
export function encode_q2_0(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  if (best) encodeBest(TWO_BITS, values, bytes, rows, length, importance);
  else encodeLargest(TWO_BITS, values, bytes, <usize>rows * <usize>length);
}

/** Writes the values of CODES, `size` of them. */
// @ts-ignore: decorator
@inline function decodeLevels(size: usize, scale: u32, to: usize): void {
  const d = f32x4.splat(halfValue(scale));
  for (let i: usize = 0; i < size; i += 16) {
    decode16(false, i8x16.sub(v128.load(CODES + i), i8x16.splat(1)), d, d, to + (i << 2));
  }
}

/** As `decode_q1_0`. */
export function decode_tq1_0(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 54) {
    unpackTrits(bytes);
    decodeLevels(256, load<u16>(bytes, 52), values);
  }
}

/** As `decode_q1_0`. */
export function decode_tq2_0(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 66) {
    unpackTwoBits(bytes);
    decodeLevels(256, load<u16>(bytes, 64), values);
  }
}

/** As `decode_q1_0`. */
export function decode_q2_0(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 256, bytes += 18) {
    unpackNeighbours(bytes + 2);
    decodeLevels(64, load<u16>(bytes), values);
  }
}

// MXFP4

/** Half of an E8M0 scale, 2^(e - 128): the magnitudes are doubled. */
// @ts-ignore: decorator
@inline function powerScale(e: i32): f32 {
  return reinterpret<f32>(e < 2 ? 0x00200000 << e : (e - 1) << 23);
}

/** floor(log2(v)) of v > 0; `rounded`: of log2f, which rounds up to a whole number just below a power of two. */
function floorLog2(v: f32, rounded: bool): i32 {
  let shift = 0;
  if (v < 1.1754943508222875e-38) {
    v *= 16777216;
    shift = 24;
  }
  const bits = reinterpret<u32>(v);
  const e = <i32>(bits >>> 23) - 127 - shift;
  if (!rounded) return e;
  // The power above is 2^k. log2f gives k where the distance to it is less than half the spacing of floats below k.
  const k = e + 1;
  const binade = k > 0 ? 32 - clz<i32>(k - 1) : 32 - clz<i32>(-k);
  const reach = <i32>(<f32>0.34657359 * <f32>(1 << binade)); // ln 2 / 2
  return (1 << 24) - <i32>((bits & 0x7fffff) | 0x800000) <= reach ? k : e;
}

// @ts-ignore: decorator
@inline function errorAt(x: usize, weights: usize, e: i32, largest: f32): f32 {
  const d = powerScale(e);
  const columns = addError(f32x4.splat(0), x, weights, d, largest);
  return sumColumns(addError(columns, x + 64, weights ? weights + 64 : 0, d, largest));
}

function bestPower(x: usize, weights: usize, largest: f32): i32 {
  const first = max<i32>(0, floorLog2(largest, false) + 125);
  let e = first;
  let least = errorAt(x, weights, first, largest);
  for (let k = 0; k < 2; k++) {
    const other = k == 0 ? min<i32>(254, first + 1) : max<i32>(0, first - 1);
    const error = errorAt(x, weights, other, largest);
    if (error < least) {
      least = error;
      e = other;
    }
  }
  return e;
}

/** As `encode_q1_0`. */
export function encode_mxfp4(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < length; i += 32, values += 128, bytes += 17) {
      const largest = largestOf(values, 32);
      let e = 0;
      if (largest > 0) {
        if (best) {
          const weights = importance + (<usize>i << 2);
          e = bestPower(values, importance && anyWeight(weights, 32) ? weights : 0, largest);
        } else e = (floorLog2(largest, true) + 125) & 255;
      }
      store<u8>(bytes, <u8>e);
      const d = powerScale(e);
      const high = codes16(values + 64, d, largest);
      v128.store(bytes + 1, v128.or(codes16(values, d, largest), i8x16.shl(high, 4)));
    }
  }
}

/** As `decode_q1_0`. */
export function decode_mxfp4(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 128, bytes += 17) {
    const d = f32x4.splat(powerScale(load<u8>(bytes)));
    const codes = v128.load(bytes, 1);
    decode16(false, signedLevels(v128.and(codes, i8x16.splat(15))), d, d, values);
    decode16(false, signedLevels(i8x16.shr_u(codes, 4)), d, d, values + 64);
  }
}

// NVFP4

/** Unsigned E4M3, halved as the magnitudes are doubled; 0x7f counts as 0. */
// @ts-ignore: decorator
@inline function scaleOf(code: u32): f32 {
  if (code == 0x7f) return 0;
  const exponent = (code >>> 3) & 15;
  const fraction = code & 7;
  if (exponent == 0) return <f32>fraction * <f32>0.0009765625;
  return reinterpret<f32>(((exponent + 119) << 23) | (fraction << 20));
}

/** ggml's rounding to unsigned E4M3: halves up, by the bit below the fraction; from 256 on it is 448. */
// @ts-ignore: decorator
@inline function scaleCode(v: f32): u32 {
  const bits = reinterpret<u32>(v);
  const exponent = <i32>(bits >>> 23) - 120;
  if (exponent <= 0) return min<u32>(7, <u32>(v * 512 + 0.5));
  const code = (<u32>min<i32>(exponent, 15) << 3) + ((bits >>> 20) & 7) + ((bits >>> 19) & 1);
  return code < 0x78 ? code : 0x7e;
}

/** The scale of least error from three steps below `first` to six above. */
function bestScaleCode(x: usize, weights: usize, first: u32, largest: f32): u32 {
  let code = first;
  let least = sumColumns(addError(f32x4.splat(0), x, weights, scaleOf(first), largest));
  for (let other = max<i32>(0, first - 3); other <= min<i32>(0x7e, first + 6); other++) {
    const error = sumColumns(addError(f32x4.splat(0), x, weights, scaleOf(other), largest));
    if (error < least) {
      least = error;
      code = other;
    }
  }
  return code;
}

/** As `encode_q1_0`. */
export function encode_nvfp4(values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool): void {
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < length; i += 64, bytes += 36) {
      for (let group = 0; group < 4; group++, values += 64) {
        const largest = largestOf(values, 16);
        let code = scaleCode(largest / 6);
        if (best && largest > 0) {
          const weights = importance + (<usize>(i + (group << 4)) << 2);
          code = bestScaleCode(values, importance && anyWeight(weights, 16) ? weights : 0, code, largest);
        }
        store<u8>(bytes + group, <u8>code);
        // The second eight codes go above the first eight.
        const codes = codes16(values, scaleOf(code), largest);
        const high = i8x16.shl(i64x2.shuffle(codes, codes, 1, 1), 4);
        v128.store64_lane(bytes + 4 + (group << 3), v128.or(codes, high), 0);
      }
    }
  }
}

/** As `decode_q1_0`. */
export function decode_nvfp4(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; bytes += 36) {
    for (let group: usize = 0; group < 4; group++, values += 64) {
      const d = f32x4.splat(scaleOf(load<u8>(bytes + group)));
      const pairs = v128.load64_zero(bytes + 4 + (group << 3));
      const high = i8x16.shr_u(pairs, 4);
      const codes = i64x2.shuffle(v128.and(pairs, i8x16.splat(15)), high, 0, 2);
      decode16(false, signedLevels(codes), d, d, values);
    }
  }
}
