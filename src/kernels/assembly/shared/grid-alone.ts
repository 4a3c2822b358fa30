/** Groups alone, before d is known: the scale that fits each, and the d that fits them all. Eight scales at a time. */
import { FIRST_FLIPS, place, VALUES } from './grid-eights';
import { chosenAt, ROUNDERS, TRIED } from './grid-group';
import { costOf, lineA, lineB, linesAt, linesUnder } from './grid-lines';
import { roundPoint } from './grid-rounding';
import { choosePoint } from './grid-sweep';

/** f32 [8], parts of largest magnitude / largest level; f32 [24], where the largest 4-bit scale would be, and 1/2. */
const TRIALS = memory.data<f64>([0.53, 0.64, 0.75, 0.86, 0.97, 1.08, 1.19, 1.3]);
const TOPS = memory.data(24 << 2, 16);

/** f32 [16] of the groups alone: their lines and scales. */
const ALONE_A = memory.data(64, 16);
const ALONE_B = memory.data(64, 16);
export const ALONE_SCALE = memory.data(64, 16);

const LANES = memory.data(64, 16);

/** Fills ALONE_A, ALONE_B and ALONE_SCALE of a group. */
export function searchAlone<P>(
  grid: usize,
  weights: usize,
  g: usize,
  size: usize,
  slope: f32,
  below: f32,
  topLevel: f64,
): void {
  store<f32>(ALONE_A + (g << 2), 0);
  store<f32>(ALONE_B + (g << 2), 0);
  store<f32>(ALONE_SCALE + (g << 2), 0);
  let upper = f32x4.splat(0);
  for (let i: usize = 0; i < size << 2; i += 16) upper = f32x4.pmax(upper, v128.load(VALUES + g * (size << 2) + i));
  v128.store(LANES, upper);
  const largest = max<f32>(
    max<f32>(load<f32>(LANES), load<f32>(LANES, 4)),
    max<f32>(load<f32>(LANES, 8), load<f32>(LANES, 12)),
  );
  if (largest == 0) return;
  for (let i: usize = 0; i < 8; i++) {
    const scale: f32 = largest * <f32>(load<f64>(TRIALS + (i << 3)) / topLevel);
    store<f32>(TRIED + (i << 2), scale);
    store<f32>(ROUNDERS + (i << 2), slope / scale);
  }

  let a = f32x4.splat(0);
  let b = a;
  let a2 = a;
  let b2 = a;
  const eights = size >> 3;
  for (let k: usize = g * eights; k < (g + 1) * eights; k++) {
    let eightA = f32x4.splat(0);
    let eightB = eightA;
    let eightA2 = eightA;
    let eightB2 = eightA;
    for (let half: usize = 0; half < 8 / sizeof<P>(); half++) {
      place<P>(weights, (k * 8) / sizeof<P>() + half, load<u8>(FIRST_FLIPS + k), 0);
      roundPoint<P>(0, 2, below);
      choosePoint<P>(grid, 0, 8, false, false);
      linesUnder<P>(linesAt(0), chosenAt(0));
      eightA = f32x4.add(eightA, lineA);
      eightB = f32x4.add(eightB, lineB);
      linesUnder<P>(linesAt(0), chosenAt(0) + 16);
      eightA2 = f32x4.add(eightA2, lineA);
      eightB2 = f32x4.add(eightB2, lineB);
    }
    a = f32x4.add(a, eightA);
    b = f32x4.add(b, eightB);
    a2 = f32x4.add(a2, eightA2);
    b2 = f32x4.add(b2, eightB2);
  }
  v128.store(LANES, a);
  v128.store(LANES, a2, 16);
  v128.store(LANES, b, 32);
  v128.store(LANES, b2, 48);
  let most: f32 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    const one = load<f32>(LANES + i);
    const other = load<f32>(LANES + i, 32);
    const gain: f32 = other > 0 ? other * (other / one) : 0;
    if (gain <= most) continue;
    most = gain;
    store<f32>(ALONE_A + (g << 2), one);
    store<f32>(ALONE_B + (g << 2), other);
    store<f32>(ALONE_SCALE + (g << 2), <f32>0.5 * (other / one));
  }
}

/** d, where `largest` is the largest scale of a group. */
export function chooseD(groups: usize, largest: f32): f32 {
  let least: f32 = Infinity;
  let d: f32 = 0;
  if (load<f32>(TOPS) == 0) for (let i = 0; i < 24; i++) store<f32>(TOPS + (<usize>i << 2), <f32>(15.8 - 0.3 * <f64>i));
  for (let t: usize = 0; t < 24; t += 4) {
    const tried = f32x4.div(f32x4.splat(largest), v128.load(TOPS + (t << 2)));
    const inverse = f32x4.div(f32x4.splat(1), tried);
    let sum = f32x4.splat(0);
    for (let g: usize = 0; g < groups << 2; g += 4) {
      const exact = f32x4.sub(f32x4.mul(v128.load32_splat(ALONE_SCALE + g), inverse), f32x4.splat(0.5));
      const bits = v128.and(f32x4.add(exact, f32x4.splat(12582912)), i32x4.splat(0x007fffff));
      const nearest = i32x4.sub(bits, i32x4.splat(0x00400000));
      const code = i32x4.max_s(i32x4.splat(0), i32x4.min_s(i32x4.splat(15), nearest));
      const scale = f32x4.mul(tried, f32x4.add(f32x4.convert_i32x4_s(code), f32x4.splat(0.5)));
      const cost = costOf(scale, v128.load32_splat(ALONE_A + g), v128.load32_splat(ALONE_B + g));
      sum = f32x4.add(sum, f32x4.mul(scale, cost));
    }
    v128.store(LANES, sum);
    v128.store(LANES, tried, 16);
    for (let i: usize = 0; i < 16; i += 4) {
      if (load<f32>(LANES + i) >= least) continue;
      least = load<f32>(LANES + i);
      d = load<f32>(LANES + i, 16);
    }
  }
  return d;
}
