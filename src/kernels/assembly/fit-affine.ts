/**
 * Blocks to scale and zero point; the readable twin is ../fit-affine.ref.ts.
 *
 * The search takes four blocks at once, one per SIMD lane, so that each lane adds its values in their own order:
 * the bits are those of the plain loop. All pointers come from the host; the module keeps no data of its own.
 */

const TINY: f32 = reinterpret<f32>(0x08800000); // 2^-110
const MAX_VALUE: f32 = reinterpret<f32>(0x7f7fffef);
const REFINEMENTS: i32 = 2;

// What the blocks of one call share: set by `configure`. Globals belong to the instance.
let lowest: f32 = 0; // smallest code
let highest: f32 = 0; // largest code
let fixedZero: bool = false;
let zeroCode: f32 = 0; // the fixed zero point
let signedScale: bool = false;
let ratios: usize = 0; // f32 [ratioCount], an even number of them
let ratioCount: i32 = 0;
let tile: usize = 0; // f32x4 [block]: four blocks, transposed and divided by their largest magnitude
let tileWeights: usize = 0; // f32x4 [block]

export function configure(
  minCode: f32,
  maxCode: f32,
  isFixed: bool,
  zero: f32,
  isSigned: bool,
  ratioPointer: usize,
  ratioLength: i32,
  scratch: usize,
  scratchWeights: usize,
): void {
  lowest = minCode;
  highest = maxCode;
  fixedZero = isFixed;
  zeroCode = zero;
  signedScale = isSigned;
  ratios = ratioPointer;
  ratioCount = ratioLength;
  tile = scratch;
  tileWeights = scratchWeights;
}

// Results of `search` and `leastSquares`: AssemblyScript has no tuples.
let fitScale: v128 = f32x4.splat(0);
let fitZero: v128 = f32x4.splat(0);
let errorA: v128 = f32x4.splat(0);
let scaleA: v128 = f32x4.splat(0);
let errorB: v128 = f32x4.splat(0);
let scaleB: v128 = f32x4.splat(0);

// @ts-ignore: decorator
@inline function four(a: usize, b: usize, c: usize, d: usize): v128 {
  let v = v128.load32_zero(a);
  v = v128.load_lane<f32>(b, v, 1);
  v = v128.load_lane<f32>(c, v, 2);
  return v128.load_lane<f32>(d, v, 3);
}

/** Lane k of tile[i] = value i of block k. */
function transpose(to: usize, a: usize, b: usize, c: usize, d: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const r0 = v128.load(a);
    const r1 = v128.load(b);
    const r2 = v128.load(c);
    const r3 = v128.load(d);
    const lo01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
    const lo23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
    const hi01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
    const hi23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
    v128.store(to, i64x2.shuffle(lo01, lo23, 0, 2));
    v128.store(to, i64x2.shuffle(lo01, lo23, 1, 3), 16);
    v128.store(to, i64x2.shuffle(hi01, hi23, 0, 2), 32);
    v128.store(to, i64x2.shuffle(hi01, hi23, 1, 3), 48);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    to += 64;
  }
  for (; i < n; i++) {
    v128.store(to, four(a, b, c, d));
    a += 4;
    b += 4;
    c += 4;
    d += 4;
    to += 16;
  }
}

/** Two candidates at a time, whose sums do not wait for each other, or A alone. See the twin for the formulas. */
// @ts-ignore: decorator
@inline function leastSquares(
  n: i32,
  weighted: bool,
  both: bool,
  inverseA: v128,
  inverseB: v128,
  low: v128,
  high: v128,
): void {
  let ddA = f32x4.splat(0);
  let ldA = ddA;
  let llA = ddA;
  let ddB = ddA;
  let ldB = ddA;
  let llB = ddA;
  let w = ddA;
  const end = tile + (<usize>n << 4);
  const gap = tileWeights - tile;
  for (let at = tile; at < end; at += 16) {
    const x = v128.load(at);
    if (weighted) w = v128.load(at + gap);
    const stepsA = f32x4.mul(x, inverseA);
    const a = f32x4.nearest(f32x4.pmin(high, f32x4.pmax(low, stepsA)));
    const dA = f32x4.sub(stepsA, a);
    const wdA = weighted ? f32x4.mul(w, dA) : dA;
    const wlA = weighted ? f32x4.mul(w, a) : a;
    ddA = f32x4.add(ddA, f32x4.mul(dA, wdA));
    ldA = f32x4.add(ldA, f32x4.mul(a, wdA));
    llA = f32x4.add(llA, f32x4.mul(a, wlA));
    if (both) {
      const stepsB = f32x4.mul(x, inverseB);
      const b = f32x4.nearest(f32x4.pmin(high, f32x4.pmax(low, stepsB)));
      const dB = f32x4.sub(stepsB, b);
      const wdB = weighted ? f32x4.mul(w, dB) : dB;
      const wlB = weighted ? f32x4.mul(w, b) : b;
      ddB = f32x4.add(ddB, f32x4.mul(dB, wdB));
      ldB = f32x4.add(ldB, f32x4.mul(b, wdB));
      llB = f32x4.add(llB, f32x4.mul(b, wlB));
    }
  }
  const one = f32x4.splat(1);
  const partA = f32x4.div(ldA, llA);
  scaleA = f32x4.div(f32x4.add(one, partA), inverseA);
  errorA = f32x4.div(f32x4.sub(ddA, f32x4.mul(ldA, partA)), f32x4.mul(inverseA, inverseA));
  if (both) {
    const partB = f32x4.div(ldB, llB);
    scaleB = f32x4.div(f32x4.add(one, partB), inverseB);
    errorB = f32x4.div(f32x4.sub(ddB, f32x4.mul(ldB, partB)), f32x4.mul(inverseB, inverseB));
  }
}

/** Four blocks of `n` values at a..d (weights at wa..wd when weighted); results in fitScale and fitZero. */
// @ts-ignore: decorator
@inline function search(n: i32, weighted: bool): void {
  const one = f32x4.splat(1);
  const nought = f32x4.splat(0);
  const minCode = f32x4.splat(lowest);
  const maxCode = f32x4.splat(highest);
  const end = tile + (<usize>n << 4);
  let least = nought;
  let most = nought;
  for (let at = tile; at < end; at += 16) {
    const v = v128.load(at);
    least = f32x4.pmin(least, v);
    most = f32x4.pmax(most, v);
  }
  let largest = f32x4.pmax(most, f32x4.neg(least));
  const vanishing = f32x4.lt(largest, f32x4.splat(TINY));
  largest = v128.bitselect(one, largest, vanishing);
  const low = f32x4.div(least, largest);
  const high = f32x4.div(most, largest);
  for (let at = tile; at < end; at += 16) v128.store(at, f32x4.div(v128.load(at), largest));

  let bestScale: v128;
  let bestZero: v128;
  let full: v128;
  if (fixedZero) {
    bestZero = f32x4.splat(zeroCode);
    let towards = v128.bitselect(one, f32x4.splat(-1), f32x4.ge(high, f32x4.neg(low)));
    towards = f32x4.div(towards, f32x4.splat(lowest - zeroCode));
    bestScale =
      highest == zeroCode ? towards : f32x4.splat(1 / min<f32>(highest - zeroCode, zeroCode - lowest));
    full = signedScale ? towards : bestScale;
  } else {
    bestScale = f32x4.div(f32x4.sub(high, low), f32x4.splat(highest - lowest));
    bestZero = f32x4.nearest(f32x4.sub(minCode, f32x4.div(low, bestScale)));
    bestZero = f32x4.pmin(maxCode, f32x4.pmax(minCode, bestZero));
    full = bestScale;
  }

  // The full range is the one to beat.
  const first = f32x4.div(one, bestScale);
  leastSquares(n, weighted, false, first, first, f32x4.sub(minCode, bestZero), f32x4.sub(maxCode, bestZero));
  let bestError = f32x4.splat(f32.POSITIVE_INFINITY);
  const finite = f32x4.lt(errorA, bestError);
  bestError = v128.bitselect(errorA, bestError, finite);
  bestScale = v128.bitselect(scaleA, bestScale, finite);
  const centre = bestZero;
  const from = fixedZero ? 0 : -1;
  const to = fixedZero ? 0 : 1;
  for (let shift = from; shift <= to; shift++) {
    const zero = f32x4.add(centre, f32x4.splat(<f32>shift));
    const allowed = v128.and(f32x4.ge(zero, minCode), f32x4.le(zero, maxCode));
    const lowLevel = f32x4.sub(minCode, zero);
    const highLevel = f32x4.sub(maxCode, zero);
    for (let k = 0; k < ratioCount; k += 2) {
      const ratioA = v128.load32_splat(ratios + (<usize>k << 2));
      const ratioB = v128.load32_splat(ratios + (<usize>k << 2), 4);
      leastSquares(
        n,
        weighted,
        true,
        f32x4.div(one, f32x4.mul(full, ratioA)),
        f32x4.div(one, f32x4.mul(full, ratioB)),
        lowLevel,
        highLevel,
      );
      let better = v128.and(allowed, f32x4.lt(errorA, bestError));
      bestError = v128.bitselect(errorA, bestError, better);
      bestScale = v128.bitselect(scaleA, bestScale, better);
      bestZero = v128.bitselect(zero, bestZero, better);
      better = v128.and(allowed, f32x4.lt(errorB, bestError));
      bestError = v128.bitselect(errorB, bestError, better);
      bestScale = v128.bitselect(scaleB, bestScale, better);
      bestZero = v128.bitselect(zero, bestZero, better);
    }
  }
  const lowLevel = f32x4.sub(minCode, bestZero);
  const highLevel = f32x4.sub(maxCode, bestZero);
  for (let pass = 0; pass < REFINEMENTS; pass++) {
    const inverse = f32x4.div(one, bestScale);
    leastSquares(n, weighted, false, inverse, inverse, lowLevel, highLevel);
    const better = f32x4.lt(errorA, bestError);
    bestError = v128.bitselect(errorA, bestError, better);
    bestScale = v128.bitselect(scaleA, bestScale, better);
  }
  let scale = f32x4.mul(largest, bestScale);
  const steps = f32x4.pmax(f32x4.sub(bestZero, minCode), f32x4.sub(maxCode, bestZero));
  const limit = f32x4.div(f32x4.splat(MAX_VALUE), steps);
  scale = f32x4.pmin(limit, f32x4.pmax(f32x4.neg(limit), scale));
  const atRest = fixedZero ? zeroCode : max<f32>(lowest, min<f32>(highest, 0));
  fitScale = v128.bitselect(one, scale, vanishing);
  fitZero = v128.bitselect(f32x4.splat(atRest), bestZero, vanishing);
}

function searchPlain(n: i32): void {
  search(n, false);
}
function searchWeighted(n: i32): void {
  search(n, true);
}

/** Byte offset of block `b` of its kind: whole blocks first in the row, or the ragged one at its end. */
// @ts-ignore: decorator
@inline function blockStart(b: i32, perRow: i32, length: i32, block: i32, offset: i32): usize {
  const row = b / perRow;
  return <usize>(row * length + offset + (b - row * perRow) * block) << 2;
}

/** Scale and zero point of the `count` blocks of `n` values, four at a time. */
function searchBlocks(
  values: usize,
  weights: usize,
  scale: usize,
  zero: usize,
  count: i32,
  perRow: i32,
  length: i32,
  block: i32,
  offset: i32,
  n: i32,
  scalesPerRow: i32,
): void {
  for (let b = 0; b < count; b += 4) {
    const last = count - 1;
    const b1 = min(b + 1, last);
    const b2 = min(b + 2, last);
    const b3 = min(b + 3, last);
    const o0 = blockStart(b, perRow, length, block, offset);
    const o1 = blockStart(b1, perRow, length, block, offset);
    const o2 = blockStart(b2, perRow, length, block, offset);
    const o3 = blockStart(b3, perRow, length, block, offset);
    transpose(tile, values + o0, values + o1, values + o2, values + o3, n);
    if (weights) {
      transpose(tileWeights, weights + o0, weights + o1, weights + o2, weights + o3, n);
      searchWeighted(n);
    } else {
      searchPlain(n);
    }
    put(scale, zero, b, perRow, scalesPerRow, offset, 0);
    if (b + 1 < count) put(scale, zero, b + 1, perRow, scalesPerRow, offset, 1);
    if (b + 2 < count) put(scale, zero, b + 2, perRow, scalesPerRow, offset, 2);
    if (b + 3 < count) put(scale, zero, b + 3, perRow, scalesPerRow, offset, 3);
  }
}

// @ts-ignore: decorator
@inline function put(
  scale: usize,
  zero: usize,
  b: i32,
  perRow: i32,
  scalesPerRow: i32,
  offset: i32,
  lane: u8,
): void {
  const row = b / perRow;
  const k = offset > 0 ? scalesPerRow - 1 : b - row * perRow;
  const at = <usize>(row * scalesPerRow + k) << 2;
  // Lanes must be literals.
  if (lane == 0) v128.store_lane<f32>(scale + at, fitScale, 0);
  else if (lane == 1) v128.store_lane<f32>(scale + at, fitScale, 1);
  else if (lane == 2) v128.store_lane<f32>(scale + at, fitScale, 2);
  else v128.store_lane<f32>(scale + at, fitScale, 3);
  if (lane == 0) v128.store_lane<f32>(zero + at, fitZero, 0);
  else if (lane == 1) v128.store_lane<f32>(zero + at, fitZero, 1);
  else if (lane == 2) v128.store_lane<f32>(zero + at, fitZero, 2);
  else v128.store_lane<f32>(zero + at, fitZero, 3);
}

// @ts-ignore: decorator
@inline function finite(scale: f32, zeroPoint: f32): f32 {
  const limit = MAX_VALUE / max(zeroPoint - lowest, highest - zeroPoint);
  return min(limit, max(-limit, scale));
}

/** Without ratios: the full range of one block as it is. */
function fullRange(at: usize, n: i32, scale: usize, zero: usize): void {
  let lows = f32x4.splat(0);
  let highs = lows;
  const whole = at + (<usize>(n & ~3) << 2);
  const end = at + (<usize>n << 2);
  for (; at < whole; at += 16) {
    const v = v128.load(at);
    lows = f32x4.pmin(lows, v);
    highs = f32x4.pmax(highs, v);
  }
  for (; at < end; at += 4) {
    const v = v128.load32_splat(at);
    lows = f32x4.pmin(lows, v);
    highs = f32x4.pmax(highs, v);
  }
  const least = min(
    min(f32x4.extract_lane(lows, 0), f32x4.extract_lane(lows, 1)),
    min(f32x4.extract_lane(lows, 2), f32x4.extract_lane(lows, 3)),
  );
  const most = max(
    max(f32x4.extract_lane(highs, 0), f32x4.extract_lane(highs, 1)),
    max(f32x4.extract_lane(highs, 2), f32x4.extract_lane(highs, 3)),
  );
  const largest = max(-least, most);
  if (largest < TINY) {
    store<f32>(scale, 1);
    store<f32>(zero, fixedZero ? zeroCode : max<f32>(lowest, min<f32>(highest, 0)));
    return;
  }
  if (fixedZero) {
    // No code above zero: the sign of the scale puts the larger side on the one below.
    const step =
      highest == zeroCode
        ? (most >= -least ? largest : -largest) / (lowest - zeroCode)
        : largest / min<f32>(highest - zeroCode, zeroCode - lowest);
    store<f32>(scale, finite(step, zeroCode));
    store<f32>(zero, zeroCode);
    return;
  }
  // In f64: the difference of two huge values may not fit in f32.
  const step = <f32>((<f64>most - <f64>least) / <f64>(highest - lowest));
  const zeroPoint = max(lowest, min(highest, nearest(lowest - least / step)));
  store<f32>(scale, finite(step, zeroPoint));
  store<f32>(zero, zeroPoint);
}

/** values, weights (0: none): f32 [rows, length]; scale, zero: f32 [rows, ceil(length / block)]. */
export function fit(
  values: usize,
  weights: usize,
  scale: usize,
  zero: usize,
  rows: i32,
  length: i32,
  block: i32,
): void {
  const whole = length / block;
  const rest = length - whole * block;
  const perRow = whole + i32(rest > 0);
  if (ratioCount == 0) {
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < perRow; k++) {
        const at = <usize>(row * perRow + k) << 2;
        const n = k < whole ? block : rest;
        fullRange(values + (<usize>(row * length + k * block) << 2), n, scale + at, zero + at);
      }
    }
    return;
  }
  if (whole > 0) {
    searchBlocks(values, weights, scale, zero, rows * whole, whole, length, block, 0, block, perRow);
  }
  if (rest > 0) {
    // `offset` tells the ragged block apart; a row that is shorter than a block starts at 0 and has one scale.
    searchBlocks(values, weights, scale, zero, rows, 1, length, block, whole * block, rest, perRow);
  }
}

/** Least and largest value of each block. values: f32 [rows, length]; lows, highs: f32 [rows, ceil(length / block)]. */
export function extremes(values: usize, lows: usize, highs: usize, rows: i32, length: i32, block: i32): void {
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block) {
      const n = min(block, length - start);
      let a = v128.load32_splat(values);
      let b = a;
      let c = a;
      let d = a;
      const whole = values + (<usize>(n & ~7) << 2);
      const end = values + (<usize>n << 2);
      // Two at a time: they do not wait for each other.
      for (; values < whole; values += 32) {
        const x = v128.load(values);
        const y = v128.load(values, 16);
        a = f32x4.pmin(a, x);
        b = f32x4.pmax(b, x);
        c = f32x4.pmin(c, y);
        d = f32x4.pmax(d, y);
      }
      a = f32x4.pmin(a, c);
      b = f32x4.pmax(b, d);
      for (; values < end; values += 4) {
        const x = v128.load32_splat(values);
        a = f32x4.pmin(a, x);
        b = f32x4.pmax(b, x);
      }
      a = f32x4.pmin(a, i64x2.shuffle(a, a, 1, 0));
      b = f32x4.pmax(b, i64x2.shuffle(b, b, 1, 0));
      a = f32x4.pmin(a, i32x4.shuffle(a, a, 1, 0, 3, 2));
      b = f32x4.pmax(b, i32x4.shuffle(b, b, 1, 0, 3, 2));
      store<f32>(lows, f32x4.extract_lane(a, 0));
      store<f32>(highs, f32x4.extract_lane(b, 0));
      lows += 4;
      highs += 4;
    }
  }
}
