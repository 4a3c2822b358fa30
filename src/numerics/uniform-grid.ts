import { type Cells, cellOf, TINY } from '../kernels/index.ts';
import { affineFromRange, type CodeRange, stepsFrom, storedScale } from './affine.ts';
import type { RangeChoice } from './scheme.ts';

const f = Math.fround;

/** The evenly spaced levels that a block may use, before their scale and zero point are known. */
export interface UniformGrid {
  readonly cells: Cells;
  readonly codes: CodeRange;
  /** The zero point stays at `codes.symmetricZero`. */
  readonly fixedZero: boolean;
  /** Bits that codes use: one less than the format's when reduced. */
  readonly bits: number;
  readonly choice: Partial<RangeChoice>;
}

/** The parameters of one block. */
export interface ScaleAndZero {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** The real numbers that codes should reach: values outside are clipped. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Beyond so many steps a float32 zero point would itself be rounded by an eighth of a step. */
const FURTHEST_REAL_ZERO = 2 ** 20;
/** Ends of a range with a real zero point, whose rounding must not carry them beyond float32. */
const FURTHEST = f(3.4028234663852886e38 * (1 - 2 ** -16));

/** Outermost level of codes around a fixed zero point, in steps; 1 bit has none above zero, its one level is 1. */
export function reachOf({ cells, codes }: UniformGrid): number {
  const { minCode, maxCode, symmetricZero } = codes;
  if (cells.shape === 'rise') return maxCode - symmetricZero + 0.5;
  return Math.max(1, Math.min(maxCode - symmetricZero, symmetricZero - minCode)) + cells.margin;
}

/** Lowest and highest level for a zero point, in steps from real 0. */
export function outermostLevels({ cells, codes }: UniformGrid, zeroPoint: number): [number, number] {
  const { shape, margin } = cells;
  const shift = shape === 'rise' ? 0.5 : 0;
  return [codes.minCode - zeroPoint + shift - margin, codes.maxCode - zeroPoint + shift + margin];
}

/** Scale and zero point, as they will be stored, of codes that reach over a range. */
export function overRange(grid: UniformGrid, range: Range): ScaleAndZero {
  const { cells, codes, choice, fixedZero } = grid;
  if (cells.realZero) return overRealRange(grid, range);
  if (cells.shape === 'tread') {
    const said =
      choice.symmetric === fixedZero ? (choice as RangeChoice) : { ...choice, symmetric: fixedZero };
    return affineFromRange(range, codes, said);
  }
  const largest = Math.max(-Math.min(0, f(range.min)), f(range.max));
  const reach = reachOf(grid);
  const scale = largest < TINY ? 1 : storedScale(f(largest / reach), Math.max(1, reach), choice);
  return { scale, zeroPoint: codes.symmetricZero };
}

/** With a real zero point the range need not hold 0, unless it is too narrow for its distance from 0. */
function overRealRange({ codes, choice }: UniformGrid, { min, max }: Range): ScaleAndZero {
  const { minCode, maxCode } = codes;
  let [low, high] = [Math.max(-FURTHEST, f(min)), Math.min(FURTHEST, f(max))];
  if (Math.max(-low, high) < TINY) return { scale: 1, zeroPoint: Math.max(minCode, Math.min(maxCode, 0)) };
  const span = maxCode - minCode;
  if (!((high - low) * FURTHEST_REAL_ZERO > Math.max(Math.abs(low), Math.abs(high)) * span))
    [low, high] = [Math.min(0, low), Math.max(0, high)];
  const zeroOf = (scale: number) => f(minCode - f(low / scale));
  const full = f((high - low) / span);
  // One step more: the zero point is rounded again under the stored scale.
  const scale = storedScale(full, stepsFrom(zeroOf(full), codes) + 1, choice);
  return { scale, zeroPoint: zeroOf(scale) };
}

/** The nearest code of a value, clamped. Ties as half-even, whatever the scheme rounds by. */
export function nearestCode(grid: UniformGrid, value: number, { scale, zeroPoint }: ScaleAndZero): number {
  const { minCode, maxCode } = grid.codes;
  const code = cellOf(value, scale, zeroPoint, searchedCells(grid.cells), 0, 0);
  return Math.max(minCode, Math.min(maxCode, code));
}

const plainCells = new WeakMap<Cells, Cells>();
/** The same cells with the rounding that searches count with. */
export function searchedCells(cells: Cells): Cells {
  if (cells.rounding === 'half-even') return cells;
  let plain = plainCells.get(cells);
  if (!plain) plainCells.set(cells, (plain = { ...cells, rounding: 'half-even' }));
  return plain;
}

/** The level of a code, in steps from real 0. */
export function levelOf({ cells }: UniformGrid, code: number, zeroPoint: number): number {
  const level = code - zeroPoint;
  if (cells.shape === 'rise') return level + 0.5;
  return level === 0 ? 0 : level < 0 ? level - cells.margin : level + cells.margin;
}

/** Sum of (weighted) squared errors of the nearest codes. `values`, `importance`: [block]. */
export function squaredError(
  grid: UniformGrid,
  values: Float32Array,
  importance: Float32Array | undefined,
  params: ScaleAndZero,
): number {
  let error = 0;
  for (let i = 0; i < values.length; i++) {
    const code = nearestCode(grid, values[i]!, params);
    const e = values[i]! - levelOf(grid, code, params.zeroPoint) * params.scale;
    error += e * e * (importance ? importance[i]! : 1);
  }
  return error;
}

/** The candidate with the least (weighted) squared error; the first of equals. */
export function leastError(
  grid: UniformGrid,
  values: Float32Array,
  importance: Float32Array | undefined,
  candidates: readonly ScaleAndZero[],
): ScaleAndZero {
  let best = candidates[0]!;
  let least = Number.POSITIVE_INFINITY;
  for (const params of candidates) {
    const error = squaredError(grid, values, importance, params);
    if (error < least) {
      least = error;
      best = params;
    }
  }
  return best;
}

/** Scales that are powers of two go by range: the next power above what the range asks for. */
export const hasPowerScale = (choice: Partial<RangeChoice>): boolean =>
  choice.powerOfTwo === true || choice.scaleType === 'float8e8m0';
