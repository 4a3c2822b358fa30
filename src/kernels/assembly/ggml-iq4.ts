/**
 * IQ4_NL and IQ4_XS: 16 levels that are denser near zero, times a float16 scale per 32 values, or a whole step of one
 * per super-block of 256. The readable twins are ../ggml/iq4_nl.ref.ts and iq4_xs.ref.ts.
 */
import { half4, halfBits, halfValue, unhalf4 } from './shared/half';
import { packCodes, prepareLevels, unpackLevels } from './shared/iq4-levels';
import { GROUP, scaleWeights, searchScales, setSquares } from './shared/iq4-search';
import { fitSteps, FITTED_STEPS, fittedD, leastSquaresScales, setValues } from './shared/step-fit';
import { VALUES, WEIGHTS } from './shared/step-sums';
import { sideBySide, sumSquares } from './shared/sub-blocks';

export * from './shared/block-io';

/** Where the best search puts the extreme value at first. */
const STARTS: usize = memory.data(64, 16);
/** f32 [4]: sums or means of squares, one of them; f32 [8]: scales of blocks. */
const SQUARES: usize = memory.data(16, 16);
const MEAN: usize = memory.data(16, 16);
const SCALES: usize = memory.data(32, 16);
const PARTS: usize = memory.data<f64>([1, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15]);

export function prepare(): void {
  prepareLevels();
  for (let k: usize = 0; k < 8; k++) {
    const part = load<f64>(PARTS + (k << 3));
    store<f32>(STARTS + (k << 3), <f32>(-127 * part));
    store<f32>(STARTS + (k << 3), <f32>(113 * part), 4);
  }
}

/** Means of squares of four blocks in lanes, doubled. */
function setMeanSquares(): void {
  let sum = f32x4.splat(0);
  for (let i = VALUES; i < VALUES + GROUP; i += 16) {
    const x = v128.load(i);
    sum = f32x4.add(sum, f32x4.mul(x, x));
  }
  v128.store(SQUARES, f32x4.mul(sum, f32x4.splat(2.0 / 32)));
}

/** Weights of the best search of four blocks in lanes; see fitWeights of the twin. */
function setFitWeights(): void {
  let largest = f32x4.splat(0);
  for (let i = VALUES + WEIGHTS; i < VALUES + WEIGHTS + GROUP; i += 16) largest = f32x4.pmax(largest, v128.load(i));
  const some = f32x4.gt(largest, f32x4.splat(0));
  const least = v128.bitselect(f32x4.mul(largest, f32x4.splat(<f32>1e-6)), f32x4.splat(1), some);
  for (let i = VALUES + WEIGHTS; i < VALUES + WEIGHTS + GROUP; i += 16) {
    v128.store(i, f32x4.pmax(least, v128.load(i)));
  }
}

function fitPlain(): v128 {
  return leastSquaresScales(VALUES, STARTS, 16, 1, -127, GROUP, 0, false);
}
function fitWeighted(): v128 {
  return leastSquaresScales(VALUES, STARTS, 16, 1, -127, GROUP, 0, true);
}

// @ts-ignore: decorator
@inline function after(column: usize, length: usize): usize {
  return column + 128 < length << 2 ? column + 128 : 0;
}

/** values: f32 [rows, length]; bytes: the blocks; importance: f32 [length] or 0. */
export function encode_iq4_nl(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  const end = values + (<usize>rows * <usize>length << 2);
  let column: usize = 0;
  while (values < end) {
    const count = min<usize>(4, (end - values) >> 7);
    const last = values + ((count - 1) << 7);
    sideBySide(values, min<usize>(values + 128, last), min<usize>(values + 256, last), last, 128, VALUES);
    if (importance) {
      const b = after(column, length);
      const c = after(b, length);
      const d = after(c, length);
      const lastColumn = count == 1 ? column : count == 2 ? b : count == 3 ? c : d;
      sideBySide(importance + column, importance + b, importance + c, importance + lastColumn, 128, VALUES + WEIGHTS);
      column = after(lastColumn, length);
    }
    if (best) {
      if (importance) setFitWeights();
      const scale = importance ? fitWeighted() : fitPlain();
      const cut = f32x4.pmax(f32x4.splat(-65504), f32x4.pmin(f32x4.splat(65504), scale));
      v128.store(SCALES, unhalf4(half4(cut)));
    } else {
      if (importance) {
        setMeanSquares();
        scaleWeights(VALUES, SQUARES);
      } else setSquares(VALUES);
      searchScales(VALUES, SCALES);
    }
    for (let k: usize = 0; k < count; k++, values += 128, bytes += 18) {
      const scale = load<f32>(SCALES + (k << 2));
      store<u16>(bytes, <u16>halfBits(scale));
      packCodes(values, scale == 0 ? 0 : 1 / scale, bytes + 2);
    }
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_iq4_nl(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 128, bytes += 18) unpackLevels(bytes + 2, halfValue(load<u16>(bytes)), values);
}

/** The super-block at `values`: d, its float16 bits, and eight steps, f32 [8] at `steps`. */
function packSuperBlock(values: usize, bytes: usize, d: f32, bits: u32, steps: usize): void {
  let low: u32 = 0;
  let high: u32 = 0;
  for (let j: u32 = 0; j < 8; j++) {
    const step = load<f32>(steps + (<usize>j << 2));
    const stored = <u32>(<i32>step + 32);
    low |= (stored & 15) << (4 * j);
    high |= (stored >> 4) << (2 * j);
    const scale: f32 = d * step;
    packCodes(values + (<usize>j << 7), scale == 0 ? 0 : 1 / scale, bytes + 8 + (<usize>j << 4));
  }
  store<u16>(bytes, <u16>bits);
  store<u16>(bytes, <u16>high, 2);
  store<u32>(bytes, low, 4);
}

function fitXsPlain(): void {
  fitSteps(STARTS, 16, false, 1, -127, 32, GROUP, 0, false);
}
function fitXsWeighted(): void {
  fitSteps(STARTS, 16, false, 1, -127, 32, GROUP, 0, true);
}

// @ts-ignore: decorator
@inline function nearestStep(v: f32): f32 {
  const whole = (reinterpret<i32>(v + <f32>12582912) & 0x007fffff) - 0x00400000;
  return <f32>max<i32>(-32, min<i32>(31, whole));
}

/** ggml's search of one super-block; meanSquare: twice that of its values. */
function searchSuperBlock(values: usize, bytes: usize, importance: usize, meanSquare: f32): void {
  for (let g: usize = 0; g < 2; g++) {
    const at = VALUES + g * GROUP;
    const from = values + g * GROUP;
    sideBySide(from, from + 128, from + 256, from + 384, 128, at);
    if (importance) {
      const weights = importance + g * GROUP;
      sideBySide(weights, weights + 128, weights + 256, weights + 384, 128, at + WEIGHTS);
      v128.store(MEAN, f32x4.splat(meanSquare));
      scaleWeights(at, MEAN);
    } else setSquares(at);
    searchScales(at, SCALES + (g << 4));
  }
  let largest: f32 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    const scale = load<f32>(SCALES + i);
    largest = abs<f32>(scale) > abs<f32>(largest) ? scale : largest;
  }
  const d: f32 = -largest / 32;
  const inverse: f32 = d == 0 ? 0 : 1 / d;
  for (let i: usize = 0; i < 32; i += 4) store<f32>(SCALES + i, nearestStep(inverse * load<f32>(SCALES + i)));
  packSuperBlock(values, bytes, d, halfBits(d), SCALES);
}
/** values: f32 [rows, length]; bytes: the blocks; importance: f32 [length] or 0. */
export function encode_iq4_xs(
  values: usize, bytes: usize, rows: i32, length: i32, importance: usize, best: bool,
): void {
  const end = values + (<usize>rows * <usize>length << 2);
  let column: usize = 0;
  while (values < end) {
    const count = min<usize>(4, (end - values) >> 10);
    const last = values + ((count - 1) << 10);
    if (importance && !best) {
      sumSquares(values, min<usize>(values + 1024, last), min<usize>(values + 2048, last), last, SQUARES);
    }
    for (let k: usize = 0; k < count; k++, values += 1024, bytes += 136) {
      const weights = importance ? importance + column : 0;
      if (best) {
        setValues(values, weights, GROUP);
        if (importance) fitXsWeighted();
        else fitXsPlain();
        packSuperBlock(values, bytes, halfValue(fittedD), fittedD, FITTED_STEPS);
      } else {
        const squares = load<f32>(SQUARES + (k << 2));
        searchSuperBlock(values, bytes, weights, squares * <f32>(2.0 / 256));
      }
      column = column + 1024 < <usize>length << 2 ? column + 1024 : 0;
    }
  }
}

/** bytes: the blocks; values: f32 [count]. */
export function decode_iq4_xs(bytes: usize, values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  for (; values < end; values += 1024, bytes += 136) {
    const d = halfValue(load<u16>(bytes));
    const high = <u32>load<u16>(bytes, 2);
    const low = load<u32>(bytes, 4);
    for (let j: u32 = 0; j < 8; j++) {
      const step = ((low >> (4 * j)) & 15) | (((high >> (2 * j)) & 3) << 4);
      const scale: f32 = d * <f32>(<i32>step - 32);
      unpackLevels(bytes + 8 + (<usize>j << 4), scale, values + (<usize>j << 7));
    }
  }
}
