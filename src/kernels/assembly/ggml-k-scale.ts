/**
 * Q3_K and Q6_K: a float16 scale per super-block of 256 values, a whole step of it per sub-block of 16. The readable
 * twins are ../ggml/q3_k.ref.ts and q6_k.ref.ts. A sub-block is a lane: a super-block is four groups of four.
 */
import { halfBits, halfValue } from './shared/half';
import {
  anyZero, decodeCodes, divideCodes, nearestInt4, packQ3K, packQ6K, roundCodes, setStored, STEPS, unpackQ3K, unpackQ6K,
} from './shared/k-scale-bytes';
import { REFINED } from './shared/plain-scales';
import { addSuperBlock, refinedCodes, refineListed, startRefining } from './shared/scale-refine';
import {
  chooseScales, firstGroupCodes, GROUP, largestScale, searchedCodes, setLevels, SCALES, tryScales, W, WX, X,
} from './shared/scale-search';
import { fitSteps, fittedD, FITTED_STEPS, setValues } from './shared/step-fit';
import { sideBySide, sumSquares } from './shared/sub-blocks';

export * from './shared/block-io';

/** f32 [256] at x as four groups of vectors at `to`. */
function group(x: usize, to: usize): void {
  for (let g: usize = 0; g < 1024; g += GROUP) {
    sideBySide(x + g, x + g + 64, x + g + 128, x + g + 192, 64, to + g);
  }
}

/** SCALES of the super-block at x, whose vectors and weights are in place. */
function searchScales(): void {
  for (let i: usize = 0; i < 1024; i += 16) {
    v128.store(X + i, f32x4.mul(v128.load(X + i, W), v128.load(X + i)), WX);
  }
  for (let g: usize = 0; g < 4; g++) tryScales(g);
  chooseScales();
}

function setSquares(): void {
  for (let i: usize = 0; i < 1024; i += 16) {
    const x = v128.load(X + i);
    v128.store(X + i, f32x4.mul(x, x), W);
  }
}

/** Steps of SCALES, from whole numbers cut to a byte as C does. */
function setSteps(inverse: f32, most: i32): void {
  const four = f32x4.splat(inverse);
  const top = i32x4.splat(most);
  const byte = i32x4.splat(255);
  const a = v128.and(byte, i32x4.min_s(top, nearestInt4(f32x4.mul(four, v128.load(SCALES)))));
  const b = v128.and(byte, i32x4.min_s(top, nearestInt4(f32x4.mul(four, v128.load(SCALES, 16)))));
  const c = v128.and(byte, i32x4.min_s(top, nearestInt4(f32x4.mul(four, v128.load(SCALES, 32)))));
  const d = v128.and(byte, i32x4.min_s(top, nearestInt4(f32x4.mul(four, v128.load(SCALES, 48)))));
  v128.store(STEPS, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
}

/** values: f32 [rows, length]; bytes: the blocks; importance: f32 [length] or 0. */
export function encode_q6_k(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  const end = values + (<usize>rows * <usize>length << 2);
  if (best) return fitQ6K(values, bytes, end, importance, length);
  setLevels(32);
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 210) {
    group(values, X);
    if (importance) {
      group(importance + column, X + W);
      column = column + 1024 < <usize>length << 2 ? column + 1024 : 0;
    } else setSquares();
    searchScales();
    const largest = largestScale();
    if (abs<f32>(largest) < 1e-15) {
      memory.fill(bytes, 0, 210);
      continue;
    }
    const inverse: f32 = -128 / largest;
    const d = halfBits(1 / inverse);
    setSteps(inverse, 127);
    setStored(halfValue(d));
    divideCodes(values, 32);
    if (anyZero()) searchedCodes(values, 32);
    packQ6K(bytes, d);
  }
}

/** Q3_K as ggml searches it without importance, four super-blocks at a time. */
function encodeRefined(values: usize, bytes: usize, end: usize): void {
  while (values < end) {
    const count = min<usize>(4, (end - values) >> 10);
    startRefining();
    for (let b: usize = 0; b < count; b++) {
      group(values + (b << 10), X);
      addSuperBlock(b);
    }
    refineListed(values);
    for (let b: usize = 0; b < count; b++, values += 1024, bytes += 110) {
      memory.copy(SCALES, REFINED + (b << 6), 64);
      const largest = largestScale();
      let d: u32 = 0;
      if (largest == 0) v128.store(STEPS, i8x16.splat(-32));
      else {
        const inverse: f32 = -32 / largest;
        setSteps(inverse, i32.MAX_VALUE);
        const steps = v128.load(STEPS);
        v128.store(STEPS, i8x16.max_s(i8x16.splat(-32), i8x16.min_s(i8x16.splat(31), steps)));
        d = halfBits(1 / inverse);
      }
      setStored(halfValue(d));
      divideCodes(values, 4);
      if (anyZero()) refinedCodes(values, b);
      packQ3K(bytes, d);
    }
  }
}

// Of four super-blocks: sums of squares; scales and sums of weights of the sub-blocks; f32 [4], [4, 16], [4, 16].
const SQUARES: usize = memory.data(16, 16);
const BLOCK_SCALES: usize = memory.data(256, 16);
const BLOCK_WEIGHTS: usize = memory.data(256, 16);
const BLOCK_STEPS: usize = memory.data(64, 16);
const BLOCK_D: usize = memory.data(16, 16);

/** SCALES with the weights importance * sqrt(twice the mean square + x^2); to: f32 [16], the sums of the weights. */
function searchWeighted(x: usize, importance: usize, squares: f32, to: usize): void {
  const meanSquare = f32x4.splat(2 * squares / 256);
  group(x, X);
  group(importance, X + W);
  for (let g: usize = 0; g < 1024; g += GROUP, to += 16) {
    let sum = f32x4.splat(0);
    for (let i = X + g, end = i + GROUP; i < end; i += 16) {
      const v = v128.load(i);
      const w = f32x4.mul(v128.load(i, W), f32x4.sqrt(f32x4.add(meanSquare, f32x4.mul(v, v))));
      sum = f32x4.add(sum, w);
      v128.store(i, w, W);
    }
    v128.store(to, sum);
  }
  searchScales();
}

/** Q3_K as ggml searches it with importance. The scales of four super-blocks are themselves searched in lanes. */
function encodeSearched(values: usize, bytes: usize, end: usize, importance: usize, length: usize): void {
  let column: usize = 0;
  while (values < end) {
    const count = min<usize>(4, (end - values) >> 10);
    const last = values + ((count - 1) << 10);
    sumSquares(values, min<usize>(values + 1024, last), min<usize>(values + 2048, last), last, SQUARES);
    setLevels(4);
    const start = column;
    for (let b: usize = 0; b < count; b++) {
      const squares = load<f32>(SQUARES + (b << 2));
      searchWeighted(values + (b << 10), importance + column, squares, BLOCK_WEIGHTS + (b << 6));
      memory.copy(BLOCK_SCALES + (b << 6), SCALES, 64);
      column = column + 1024 < length << 2 ? column + 1024 : 0;
    }
    sideBySide(BLOCK_SCALES, BLOCK_SCALES + 64, BLOCK_SCALES + 128, BLOCK_SCALES + 192, 64, X);
    sideBySide(BLOCK_WEIGHTS, BLOCK_WEIGHTS + 64, BLOCK_WEIGHTS + 128, BLOCK_WEIGHTS + 192, 64, X + W);
    setLevels(32);
    searchScales();
    v128.store(BLOCK_D, v128.load(SCALES));
    for (let b: usize = 0; b < count; b++) firstGroupCodes(b, 32, BLOCK_STEPS + (b << 4));
    setLevels(4);
    column = start;
    for (let b: usize = 0; b < count; b++, values += 1024, bytes += 110) {
      const d = halfBits(load<f32>(BLOCK_D + (b << 2)));
      v128.store(STEPS, i8x16.sub(v128.load(BLOCK_STEPS + (b << 4)), i8x16.splat(32)));
      setStored(halfValue(d));
      divideCodes(values, 4);
      if (anyZero()) {
        searchWeighted(values, importance + column, load<f32>(SQUARES + (b << 2)), BLOCK_WEIGHTS);
        searchedCodes(values, 4);
      }
      packQ3K(bytes, d);
      column = column + 1024 < length << 2 ? column + 1024 : 0;
    }
  }
}

/** values: f32 [rows, length]; bytes: the blocks; importance: f32 [length] or 0. */
export function encode_q3_k(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  const end = values + (<usize>rows * <usize>length << 2);
  if (best) fitQ3K(values, bytes, end, importance, length);
  else if (importance) encodeSearched(values, bytes, end, importance, length);
  else encodeRefined(values, bytes, end);
}

/** Starts of the best search; see the twins. */
const Q3_PLAIN: usize = memory.data<f32>([-4, -3, -3.5, -4.6]);
const Q3_WEIGHTED: usize = memory.data<f32>([-4, -3, -3.3, -3.6, -4.5, -5, -5.5, -6, 4, 3, 3.3, 3.6, 4.5, 5, 5.5, 6]);
const Q6_RATIOS: usize = memory.data(60);

function fitQ3Plain(): void {
  fitSteps(Q3_PLAIN, 4, false, 1, -4, 32, GROUP, 4, false);
}
function fitQ3Weighted(): void {
  fitSteps(Q3_WEIGHTED, 16, false, 1, -4, 32, GROUP, 4, true);
}
function fitQ6Plain(): void {
  fitSteps(Q6_RATIOS, 15, true, 1.08, -32, 128, GROUP, 32, false);
}
function fitQ6Weighted(): void {
  fitSteps(Q6_RATIOS, 15, true, 1.08, -32, 128, GROUP, 32, true);
}

/** STEPS and STORED of what was fitted. */
function setFitted(): void {
  for (let i: usize = 0; i < 16; i++) store<i8>(STEPS + i, <i8>load<f32>(FITTED_STEPS + (i << 2)));
  setStored(halfValue(fittedD));
}

function fitQ6K(values: usize, bytes: usize, end: usize, importance: usize, length: usize): void {
  for (let k: usize = 0; k < 15; k++) store<f32>(Q6_RATIOS + (k << 2), <f32>(32.0 / (27.0 + 0.4 * <f64>k)));
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 210) {
    setValues(values, importance ? importance + column : 0, GROUP);
    if (importance) fitQ6Weighted();
    else fitQ6Plain();
    column = column + 1024 < length << 2 ? column + 1024 : 0;
    setFitted();
    roundCodes(values, 32);
    packQ6K(bytes, fittedD);
  }
}

function fitQ3K(values: usize, bytes: usize, end: usize, importance: usize, length: usize): void {
  let column: usize = 0;
  for (; values < end; values += 1024, bytes += 110) {
    setValues(values, importance ? importance + column : 0, GROUP);
    if (importance) fitQ3Weighted();
    else fitQ3Plain();
    column = column + 1024 < length << 2 ? column + 1024 : 0;
    setFitted();
    roundCodes(values, 4);
    packQ3K(bytes, fittedD);
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_q6_k(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 210) {
    unpackQ6K(bytes);
    setStored(halfValue(load<u16>(bytes, 208)));
    decodeCodes(values, 32);
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_q3_k(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 110) {
    unpackQ3K(bytes);
    setStored(halfValue(load<u16>(bytes, 108)));
    decodeCodes(values, 4);
  }
}
