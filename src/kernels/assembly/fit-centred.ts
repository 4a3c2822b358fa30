/**
 * Blocks to the scale of levels that lie mirrored around 0; the readable twin is ../fit-centred.ref.ts.
 *
 * Four blocks at once, one per SIMD lane, so that each lane adds its values in their own order: the bits are those of
 * the plain loop. All pointers come from the host; the module keeps no data of its own.
 */
import { gather } from './shared/lanes';

const TINY: f32 = reinterpret<f32>(0x08800000); // 2^-110
const MAX_VALUE: f32 = reinterpret<f32>(0x7f7fffef);
const NARROW: f32 = 0.8;
const LEAST_PART: f32 = reinterpret<f32>(0x3a800000); // 2^-10
const EXACT: f32 = reinterpret<f32>(0x2b800000); // 2^-40
const LEAST_SCALE: f32 = reinterpret<f32>(0x37800000); // 2^-16

// What the blocks of one call share: set by `configure`. Globals belong to the instance.
let isRise: bool = false;
let top: f32 = 0; // outermost cell
let margin: f32 = 0;
let narrowest: f32 = 0;
let widest: f32 = 0;
let rounds: i32 = 0;
let looks: i32 = 0;
let passes: i32 = 0;
let tile: usize = 0; // f32x4 [block]: the magnitudes of four blocks, transposed and divided by the largest of each
let tileWeights: usize = 0; // f32x4 [block]

export function configure(
  rise: bool,
  outermost: f32,
  ofMargin: f32,
  leastMeans: f32,
  mostOfLargest: f32,
  ofRounds: i32,
  ofLooks: i32,
  ofPasses: i32,
  scratch: usize,
  scratchWeights: usize,
): void {
  isRise = rise;
  top = outermost;
  margin = ofMargin;
  narrowest = leastMeans;
  widest = mostOfLargest;
  rounds = ofRounds;
  looks = ofLooks;
  passes = ofPasses;
  tile = scratch;
  tileWeights = scratchWeights;
}

// Results of `fitted` and the best of `attempt`: AssemblyScript has no tuples.
let fitError: v128 = f32x4.splat(0);
let fitScale: v128 = f32x4.splat(0);
let bestScale: v128 = f32x4.splat(0);
let bestError: v128 = f32x4.splat(0);

/** Lane k of tile[i] = value i of block k. */
function transpose(to: usize, a: usize, b: usize, c: usize, d: usize, n: i32): void {
  const whole = <usize>(n & ~3);
  gather(a, b, c, d, whole, to, 16);
  to += whole << 4;
  for (let at = whole << 2; at < <usize>n << 2; at += 4, to += 16) {
    let v = v128.load32_zero(a + at);
    v = v128.load_lane<f32>(b + at, v, 1);
    v = v128.load_lane<f32>(c + at, v, 2);
    v128.store(to, v128.load_lane<f32>(d + at, v, 3));
  }
}

/** The levels of magnitudes in steps. */
// @ts-ignore: decorator
@inline function levels(steps: v128, rise: bool, highest: v128, moved: v128): v128 {
  if (rise) return f32x4.add(f32x4.pmin(highest, f32x4.floor(steps)), f32x4.splat(0.5));
  const cell = f32x4.pmin(highest, f32x4.nearest(f32x4.sub(steps, moved)));
  // No cell is below 0, and those above lie further out by the margin.
  return f32x4.add(cell, f32x4.pmin(moved, cell));
}

/** Squared rounding errors in steps, weighted. */
// @ts-ignore: decorator
@inline function squares(steps: v128, rise: bool, highest: v128, moved: v128, weighted: bool, w: v128): v128 {
  const d = f32x4.sub(steps, levels(steps, rise, highest, moved));
  const square = f32x4.mul(d, d);
  return weighted ? f32x4.mul(w, square) : square;
}

// @ts-ignore: decorator
@inline function keepBetter(dd: v128, scale: v128): void {
  const error = f32x4.pmax(f32x4.splat(EXACT), f32x4.mul(dd, f32x4.mul(scale, scale)));
  const better = f32x4.lt(error, bestError);
  bestError = v128.bitselect(error, bestError, better);
  bestScale = v128.bitselect(scale, bestScale, better);
}

/** Measures four scales, in this order: their sums do not wait for each other. */
// @ts-ignore: decorator
@inline function attempt(n: i32, weighted: bool, rise: bool, a: v128, b: v128, c: v128, d: v128): void {
  const one = f32x4.splat(1);
  const inverseA = f32x4.div(one, a);
  const inverseB = f32x4.div(one, b);
  const inverseC = f32x4.div(one, c);
  const inverseD = f32x4.div(one, d);
  const highest = f32x4.splat(top);
  const moved = f32x4.splat(margin);
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  let w = sumA;
  const end = tile + (<usize>n << 4);
  const gap = tileWeights - tile;
  for (let at = tile; at < end; at += 16) {
    const x = v128.load(at);
    if (weighted) w = v128.load(at + gap);
    sumA = f32x4.add(sumA, squares(f32x4.mul(x, inverseA), rise, highest, moved, weighted, w));
    sumB = f32x4.add(sumB, squares(f32x4.mul(x, inverseB), rise, highest, moved, weighted, w));
    sumC = f32x4.add(sumC, squares(f32x4.mul(x, inverseC), rise, highest, moved, weighted, w));
    sumD = f32x4.add(sumD, squares(f32x4.mul(x, inverseD), rise, highest, moved, weighted, w));
  }
  keepBetter(sumA, a);
  keepBetter(sumB, b);
  keepBetter(sumC, c);
  keepBetter(sumD, d);
}

/** Error and least-squares fit of one scale. */
// @ts-ignore: decorator
@inline function fitted(n: i32, weighted: bool, rise: bool, scale: v128): void {
  const one = f32x4.splat(1);
  const inverse = f32x4.div(one, scale);
  const highest = f32x4.splat(top);
  const moved = f32x4.splat(margin);
  let dd = f32x4.splat(0);
  let ld = dd;
  let ll = dd;
  const end = tile + (<usize>n << 4);
  const gap = tileWeights - tile;
  for (let at = tile; at < end; at += 16) {
    const steps = f32x4.mul(v128.load(at), inverse);
    const level = levels(steps, rise, highest, moved);
    const d = f32x4.sub(steps, level);
    let square = f32x4.mul(d, d);
    let wd = d;
    let wl = level;
    if (weighted) {
      const w = v128.load(at + gap);
      square = f32x4.mul(w, square);
      wd = f32x4.mul(w, d);
      wl = f32x4.mul(w, level);
    }
    dd = f32x4.add(dd, square);
    ld = f32x4.add(ld, f32x4.mul(level, wd));
    ll = f32x4.add(ll, f32x4.mul(level, wl));
  }
  fitError = f32x4.pmax(f32x4.splat(EXACT), f32x4.mul(dd, f32x4.mul(scale, scale)));
  fitScale = f32x4.mul(f32x4.add(one, f32x4.div(ld, ll)), scale);
}

/** The scales of four blocks of `n` values in the tile. */
// @ts-ignore: decorator
@inline function search(n: i32, weighted: bool, rise: bool): v128 {
  const one = f32x4.splat(1);
  const end = tile + (<usize>n << 4);
  const gap = tileWeights - tile;
  let largest = f32x4.splat(0);
  for (let at = tile; at < end; at += 16) {
    const x = f32x4.abs(v128.load(at));
    v128.store(at, x);
    largest = f32x4.pmax(largest, x);
  }
  const vanishing = f32x4.lt(largest, f32x4.splat(TINY));
  largest = v128.bitselect(one, largest, vanishing);
  let sum = f32x4.splat(0);
  let count = sum;
  for (let at = tile; at < end; at += 16) {
    const x = f32x4.div(v128.load(at), largest);
    v128.store(at, x);
    const w = weighted ? v128.load(at + gap) : one;
    sum = f32x4.add(sum, weighted ? f32x4.mul(w, x) : x);
    // Zeros are nothing to a dead zone.
    count = f32x4.add(count, rise ? w : v128.and(w, f32x4.gt(x, f32x4.splat(0))));
  }

  const reach: f32 = top + (rise ? 0.5 : margin);
  const full = f32x4.splat(1 / reach);
  bestScale = full;
  bestError = f32x4.splat(f32.POSITIVE_INFINITY);
  if (rounds > 0) {
    const wanted = f32x4.div(f32x4.mul(f32x4.splat(narrowest), f32x4.div(sum, count)), f32x4.splat(widest));
    // NaN, from weights of 0, is the least part.
    const ratio = f32x4.pmin(f32x4.splat(NARROW), f32x4.pmax(f32x4.splat(LEAST_PART), wanted));
    const q = f32x4.sqrt(f32x4.sqrt(f32x4.sqrt(ratio)));
    let scale = f32x4.mul(full, f32x4.splat(widest));
    for (let round = 0; round < rounds; round++) {
      const a = round == 0 ? full : scale;
      if (round > 0) scale = f32x4.mul(scale, q);
      const b = scale;
      const c = f32x4.mul(b, q);
      const d = f32x4.mul(c, q);
      attempt(n, weighted, rise, a, b, c, d);
      scale = f32x4.mul(d, q);
    }
    let step = q;
    for (let look = 0; look < looks; look++) {
      const half = f32x4.sqrt(step);
      const fourth = f32x4.sqrt(half);
      const centre = bestScale;
      attempt(
        n,
        weighted,
        rise,
        f32x4.div(centre, half),
        f32x4.div(centre, fourth),
        f32x4.mul(centre, fourth),
        f32x4.mul(centre, half),
      );
      step = fourth;
    }
  }
  let scale = bestScale;
  for (let pass = 0; pass < passes; pass++) {
    fitted(n, weighted, rise, scale);
    const better = f32x4.lt(fitError, bestError);
    bestError = v128.bitselect(fitError, bestError, better);
    bestScale = v128.bitselect(scale, bestScale, better);
    scale = v128.bitselect(fitScale, bestScale, f32x4.gt(fitScale, f32x4.splat(LEAST_SCALE)));
  }
  if (rise) bestScale = v128.bitselect(scale, bestScale, f32x4.gt(bestError, f32x4.splat(EXACT)));
  // The full range as min-max has it.
  const found = v128.bitselect(
    f32x4.div(largest, f32x4.splat(reach)),
    f32x4.mul(largest, bestScale),
    f32x4.eq(bestScale, full),
  );
  const kept = f32x4.pmin(f32x4.splat(MAX_VALUE / max<f32>(1, reach)), found);
  return v128.bitselect(one, kept, vanishing);
}

function searchRise(n: i32): v128 {
  return search(n, false, true);
}
function searchDeadZone(n: i32): v128 {
  return search(n, false, false);
}
function searchWeightedRise(n: i32): v128 {
  return search(n, true, true);
}
function searchWeightedDeadZone(n: i32): v128 {
  return search(n, true, false);
}

/**
 * The scales of `count` blocks of `n` values, `perRow` of them in each row of `length` values from `offset` on, four
 * at a time; the last one stands in for missing ones. The scale of the first is number `firstScale` of its row.
 */
function searchBlocks(
  values: usize,
  weights: usize,
  scale: usize,
  count: i32,
  perRow: i32,
  length: i32,
  offset: i32,
  n: i32,
  scalesPerRow: i32,
  firstScale: i32,
): void {
  for (let b = 0; b < count; b += 4) {
    const last = count - 1;
    const b1 = min(b + 1, last);
    const b2 = min(b + 2, last);
    const b3 = min(b + 3, last);
    const o0 = blockStart(b, perRow, length, offset, n);
    const o1 = blockStart(b1, perRow, length, offset, n);
    const o2 = blockStart(b2, perRow, length, offset, n);
    const o3 = blockStart(b3, perRow, length, offset, n);
    transpose(tile, values + o0, values + o1, values + o2, values + o3, n);
    let found: v128;
    if (weights) {
      transpose(tileWeights, weights + o0, weights + o1, weights + o2, weights + o3, n);
      found = isRise ? searchWeightedRise(n) : searchWeightedDeadZone(n);
    } else {
      found = isRise ? searchRise(n) : searchDeadZone(n);
    }
    v128.store_lane<f32>(scaleOf(scale, b, perRow, scalesPerRow, firstScale), found, 0);
    v128.store_lane<f32>(scaleOf(scale, b1, perRow, scalesPerRow, firstScale), found, 1);
    v128.store_lane<f32>(scaleOf(scale, b2, perRow, scalesPerRow, firstScale), found, 2);
    v128.store_lane<f32>(scaleOf(scale, b3, perRow, scalesPerRow, firstScale), found, 3);
  }
}

// @ts-ignore: decorator
@inline function blockStart(b: i32, perRow: i32, length: i32, offset: i32, n: i32): usize {
  const row = b / perRow;
  return <usize>(row * length + offset + (b - row * perRow) * n) << 2;
}

// @ts-ignore: decorator
@inline function scaleOf(scale: usize, b: i32, perRow: i32, scalesPerRow: i32, firstScale: i32): usize {
  const row = b / perRow;
  return scale + (<usize>(row * scalesPerRow + firstScale + b - row * perRow) << 2);
}

/** values, weights (0: none): f32 [rows, length]; scale: f32 [rows, ceil(length / block)]. */
export function fit(values: usize, weights: usize, scale: usize, rows: i32, length: i32, block: i32): void {
  const whole = length / block;
  const rest = length - whole * block;
  const scales = whole + i32(rest > 0);
  if (whole > 0) searchBlocks(values, weights, scale, rows * whole, whole, length, 0, block, scales, 0);
  if (rest > 0) searchBlocks(values, weights, scale, rows, 1, length, whole * block, rest, scales, whole);
}
