import { elementCount, fail } from '../../tensor/index.ts';
import type { CompositeScheme, OutlierChoice } from './composite.ts';
import { largestScores } from './largest-scores.ts';

/** Which values are kept apart. */
export interface OutlierPlaces {
  /** As `SparseOutliers.at`. */
  readonly at: Uint32Array;
  readonly columns: boolean;
}

/**
 * Chooses outliers by the values alone, or whole columns by `columnMagnitudes`.
 * `errors`: importance x squared rounding error of each value, which the choice by sensitivity needs.
 */
export function chooseOutliers(
  values: Float32Array,
  dims: readonly number[],
  choice: OutlierChoice,
  given: { readonly errors?: Float32Array; readonly columnMagnitudes?: ArrayLike<number> },
): OutlierPlaces {
  switch (choice.by) {
    case 'threshold': {
      const limit = choice.deviations * deviation(values);
      return single(positionsAbove(values, limit));
    }
    case 'count':
      return single(largestScores(magnitudes(values), Math.round(choice.part * values.length)));
    case 'sensitivity':
      return single(largestScores(given.errors!, Math.round(choice.part * values.length)));
    case 'column': {
      const largest = given.columnMagnitudes ?? columnMagnitudes(values, dims, axisOf(choice, dims));
      const kept = Array.from(largest, (_, column) => column).filter(
        (column) => largest[column]! > choice.magnitude,
      );
      return { at: Uint32Array.from(kept), columns: true };
    }
  }
}

const single = (at: Uint32Array): OutlierPlaces => ({ at, columns: false });

/** The axis of the inputs. */
const axisOf = (choice: OutlierChoice, dims: readonly number[]): number =>
  (choice.by === 'column' ? choice.axis : undefined) ?? Math.max(0, dims.length - 1);

/** Row-major positions of all values that are kept apart, in the order of `SparseOutliers.values`. */
export function flatPositions(
  { at, columns }: OutlierPlaces,
  dims: readonly number[],
  scheme: CompositeScheme,
): Uint32Array {
  if (!columns) return at;
  const axis = axisOf(scheme.outliers!, dims);
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  const size = dims[axis] ?? 1;
  const out = new Uint32Array(at.length * outer * inner);
  let next = 0;
  for (const column of at)
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) out[next++] = (o * size + column) * inner + i;
  return out;
}

/** The largest magnitude of each index of an axis. */
function columnMagnitudes(values: Float32Array, dims: readonly number[], axis: number): Float32Array {
  const size = dims[axis] ?? 1;
  const inner = elementCount(dims.slice(axis + 1));
  const out = new Float32Array(size);
  for (let at = 0; at < values.length; ) {
    for (let column = 0; column < size; column++) {
      let largest = out[column]!;
      for (const end = at + inner; at < end; at++) largest = Math.max(largest, Math.abs(values[at]!));
      out[column] = largest;
    }
  }
  return out;
}

/** @throws numerics/composite, numerics/axis when a choice cannot be made of a tensor of this shape. */
export function checkOutliers(
  choice: OutlierChoice,
  dims: readonly number[],
  magnitudes: ArrayLike<number> | undefined,
  name: string,
): void {
  const refuse = (what: string) => fail('numerics/composite', { name, what });
  if ('part' in choice && !(choice.part >= 0 && choice.part <= 1))
    refuse(`the part of outliers is ${choice.part}, not between 0 and 1`);
  if (choice.by === 'threshold' && !(choice.deviations >= 0))
    refuse(`outliers lie above ${choice.deviations} standard deviations, which is not a positive number`);
  if (choice.by !== 'column') return;
  if (!(choice.magnitude >= 0)) refuse(`the magnitude of outlier columns is ${choice.magnitude}`);
  const axis = axisOf(choice, dims);
  if (!Number.isInteger(axis) || axis < 0 || axis >= Math.max(1, dims.length))
    fail('numerics/axis', { axis, dims: [...dims] });
  const columns = dims[axis] ?? 1;
  if (magnitudes && magnitudes.length !== columns)
    refuse(`there are ${magnitudes.length} column magnitudes for ${columns} columns`);
}

function positionsAbove(values: Float32Array, limit: number): Uint32Array {
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) > limit) found.push(i);
  return Uint32Array.from(found);
}

function magnitudes(values: Float32Array): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.abs(values[i]!);
  return out;
}

/** Standard deviation of all values around their mean. */
function deviation(values: Float32Array): number {
  let sum = 0;
  for (const x of values) sum += x;
  const mean = sum / Math.max(1, values.length);
  let squares = 0;
  for (const x of values) squares += (x - mean) ** 2;
  return Math.sqrt(squares / Math.max(1, values.length));
}
