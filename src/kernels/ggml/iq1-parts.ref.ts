import { iq1Grid } from './iq1-grid.ref.ts';

const { fround: f, abs, max, sqrt } = Math;

/** The levels of digits 0, 1, 2, by shift: 0 moves them up by 1/8, 1 moves them down. */
export const iq1Levels = [
  [-0.875, 0.125, 1.125],
  [-1.125, -0.125, 0.875],
] as const;

const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);

/** Nearest integer, halves to even, as the sum with 1.5 * 2^23 gives it: what is out of range wraps around. */
export function nearestInt(value: number): number {
  scratch[0] = value + 12582912;
  return (scratchBits[0]! & 0x007fffff) - 0x00400000;
}

/** Twice the mean square of a super-block. */
export function twiceMeanSquare(values: Float32Array): number {
  let sum = 0;
  for (const x of values) sum = f(sum + f(x * x));
  return f(f(2 * sum) / 256);
}

/** Weights of the squared errors of one group: importance scaled by how large a value is for its super-block. */
export function groupWeights(
  values: Float32Array,
  importance: Float32Array | undefined,
  meanSquare: number,
  out: Float32Array,
): void {
  for (let i = 0; i < values.length; i++) {
    const square = f(values[i]! * values[i]!);
    out[i] = importance ? importance[i]! * f(sqrt(f(meanSquare + square))) : square;
  }
}

export function largestMagnitude(values: Float32Array): number {
  let largest = 0;
  for (const x of values) largest = max(largest, abs(x));
  return largest;
}

/** Positions of the values in ascending order; equal ones keep theirs. */
export function ascending(values: Float32Array): Uint8Array {
  return Uint8Array.from(values.keys()).sort((a, b) => values[a]! - values[b]! || a - b);
}

/** The number of the grid point that eight digits are. */
export function pointOf(digits: Uint8Array): number {
  let point = 0;
  for (let k = 7; k >= 0; k--) point = 3 * point + digits[k]!;
  return point;
}

/**
 * The grid's index for eight digits: their own, or of the neighbour with the least weighted error at this scale.
 * @returns index, and whether the digits were on the grid
 */
export function onGrid(
  digits: Uint8Array,
  values: Float32Array,
  weights: Float32Array,
  scale: number,
  levels: readonly number[],
): { index: number; exact: boolean } {
  const grid = iq1Grid();
  const point = pointOf(digits);
  const own = grid.indexOf[point]!;
  if (own >= 0) return { index: own, exact: true };
  let index = -1;
  let least = 3.4028234663852886e38;
  for (const candidate of grid.neighbours(point)) {
    let error = 0;
    for (let i = 0; i < 8; i++) {
      const difference = f(f(scale * levels[grid.digits[8 * candidate + i]!]!) - values[i]!);
      error = f(error + f(f(weights[i]! * difference) * difference));
    }
    if (error < least) {
      least = error;
      index = candidate;
    }
  }
  return { index: max(0, index), exact: false };
}

/** Adds w·q·x and w·q² of eight values at a grid point to the sums; `factor` multiplies the levels. */
export function addProducts(
  sums: { qx: number; qq: number },
  index: number,
  values: Float32Array,
  weights: Float32Array,
  levels: readonly number[],
  factor: number,
): void {
  const { digits } = iq1Grid();
  for (let j = 0; j < 8; j++) {
    const q = f(levels[digits[8 * index + j]!]! * factor);
    const wq = f(weights[j]! * q);
    sums.qx = f(sums.qx + f(wq * values[j]!));
    sums.qq = f(sums.qq + f(wq * q));
  }
}
