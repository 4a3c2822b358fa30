import { elementCount, seededRandom } from '../../tensor/index.ts';
import { decodeFloat16, encodeFloat16 } from '../float-arrays.ts';
import type { LowRank } from './composite.ts';
import { dot, thinSvd } from './thin-svd.ts';

/** What counts more in the residual. */
export interface LowRankOptions {
  /** Where the random start begins. Default 0. */
  readonly seed?: number;
  /** How much an error in each row counts (not squared), [rows]; above 0. */
  readonly rowWeights?: ArrayLike<number>;
  /** How much an error in each column counts (not squared), [columns]; above 0. */
  readonly columnWeights?: ArrayLike<number>;
}

/** Vectors beyond the rank that the iteration carries along, and how often it goes back and forth. */
const OVERSAMPLED = 8;
const ITERATIONS = 6;
/** A weight of 0 would leave its row or column free: it counts at least this part of the largest. */
const LEAST_WEIGHT = 1e-4;

/** First axis by all others. */
export const matrixOf = (dims: readonly number[]): [rows: number, columns: number] => [
  dims[0] ?? 1,
  elementCount(dims.slice(1)),
];

/**
 * The best product of rank r of what rounding lost, min ||R (E - left right) C||, in float16: the r largest singular
 * values of E, each root going to either side. R and C are the weights.
 * (Yao et al. 2023, ZeroQuant-V2, arXiv 2303.08302, LoRC.) The subspace is found by randomized iteration (Halko,
 * Martinsson, Tropp 2011, arXiv 0909.4061, algorithm 4.4), then decomposed exactly.
 * `residual`: [rows, columns]. Factors beyond float16 come out as infinity.
 */
export function lowRankOf(
  residual: Float32Array,
  [rows, columns]: readonly [number, number],
  wanted: number,
  options: LowRankOptions = {},
): LowRank {
  const rank = Math.min(wanted, rows, columns);
  const R = atLeast(options.rowWeights, rows);
  const C = atLeast(options.columnWeights, columns);
  const E = R || C ? weighted(residual, rows, columns, R, C) : residual;
  const kept = Math.min(rank + OVERSAMPLED, rows, columns);
  const normal = normals(options.seed ?? 0);
  let P: readonly Float64Array[] = Array.from({ length: kept }, () =>
    Float64Array.from({ length: columns }, normal),
  );
  for (let i = 0; i < ITERATIONS; i++) {
    const Q = orthonormal(timesColumns(E, rows, columns, P));
    P = orthonormal(timesRows(E, rows, columns, Q));
  }
  const Q = orthonormal(timesColumns(E, rows, columns, P));
  // E ~ Q (Q^T E): E^T Q = U S V^T, so E ~ (Q V) S U^T.
  const { values, left: U, right: V } = thinSvd(timesRows(E, rows, columns, Q));
  const left = new Float32Array(rows * rank);
  const right = new Float32Array(rank * columns);
  for (let r = 0; r < rank; r++) {
    const root = Math.sqrt(values[r]!);
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let c = 0; c < kept; c++) sum += Q[c]![i]! * V[r]![c]!;
      left[i * rank + r] = (sum * root) / (R ? R[i]! : 1);
    }
    for (let j = 0; j < columns; j++) right[r * columns + j] = (U[r]![j]! * root) / (C ? C[j]! : 1);
  }
  return { rank, left: encodeFloat16(left), right: encodeFloat16(right) };
}

/** Adds the product to `out`, [rows, columns]: sums in double precision, one rounding for the sum, one for the result. */
export function addLowRank({ rank, left, right }: LowRank, out: Float32Array): void {
  if (rank === 0) return;
  const L = decodeFloat16(left); // [rows, rank]
  const A = decodeFloat16(right); // [rank, columns]
  const rows = L.length / rank;
  const columns = A.length / rank;
  const sums = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    sums.fill(0);
    for (let r = 0; r < rank; r++) {
      const x = L[i * rank + r]!;
      const at = r * columns;
      for (let j = 0; j < columns; j++) sums[j]! += x * A[at + j]!;
    }
    const at = i * columns;
    for (let j = 0; j < columns; j++) out[at + j]! += Math.fround(sums[j]!);
  }
}

/** E P: for each vector of `columns` entries one of `rows`. Four sums at a time, so that none waits for another. */
function timesColumns(E: Float32Array, rows: number, columns: number, P: readonly Float64Array[]) {
  const out = P.map(() => new Float64Array(rows));
  const even = columns - (columns % 4);
  for (let i = 0; i < rows; i++) {
    const row = E.subarray(i * columns, (i + 1) * columns);
    for (let c = 0; c < P.length; c++) {
      const p = P[c]!;
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let j = 0; j < even; j += 4) {
        s0 += row[j]! * p[j]!;
        s1 += row[j + 1]! * p[j + 1]!;
        s2 += row[j + 2]! * p[j + 2]!;
        s3 += row[j + 3]! * p[j + 3]!;
      }
      for (let j = even; j < columns; j++) s0 += row[j]! * p[j]!;
      out[c]![i] = s0 + s1 + (s2 + s3);
    }
  }
  return out;
}

/** E^T Q: for each vector of `rows` entries one of `columns`. Four rows at a time, to store each sum less often. */
function timesRows(E: Float32Array, rows: number, columns: number, Q: readonly Float64Array[]) {
  const out = Q.map(() => new Float64Array(columns));
  const even = rows - (rows % 4);
  const row = (i: number) => E.subarray(i * columns, (i + 1) * columns);
  for (let i = 0; i < even; i += 4) {
    const [a, b, c, d] = [row(i), row(i + 1), row(i + 2), row(i + 3)];
    for (let v = 0; v < Q.length; v++) {
      const [q, sums] = [Q[v]!, out[v]!];
      const [w, x, y, z] = [q[i]!, q[i + 1]!, q[i + 2]!, q[i + 3]!];
      for (let j = 0; j < columns; j++) sums[j]! += w * a[j]! + x * b[j]! + (y * c[j]! + z * d[j]!);
    }
  }
  for (let i = even; i < rows; i++) {
    const a = row(i);
    for (let v = 0; v < Q.length; v++) {
      const [w, sums] = [Q[v]![i]!, out[v]!];
      for (let j = 0; j < columns; j++) sums[j]! += w * a[j]!;
    }
  }
  return out;
}

/** Gram and Schmidt, twice; what depends on the vectors before it becomes 0. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    const before = Math.sqrt(dot(vector, vector));
    for (let pass = 0; pass < 2; pass++) {
      for (const other of done) {
        const along = dot(vector, other);
        for (let i = 0; i < vector.length; i++) vector[i]! -= along * other[i]!;
      }
    }
    const length = Math.sqrt(dot(vector, vector));
    const scale = length > 1e-12 * before ? 1 / length : 0;
    done.push(vector.map((x) => x * scale));
  }
  return done;
}

function weighted(
  E: Float32Array,
  rows: number,
  columns: number,
  R: Float64Array | undefined,
  C: Float64Array | undefined,
): Float32Array {
  const out = new Float32Array(E.length);
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) out[at] = E[at]! * (R ? R[i]! : 1) * (C ? C[j]! : 1);
  return out;
}

/** Weights over the largest one. */
function atLeast(weights: ArrayLike<number> | undefined, count: number): Float64Array | undefined {
  if (!weights) return undefined;
  const all = Float64Array.from({ length: count }, (_, i) => weights[i] ?? 0);
  const largest = all.reduce((most, x) => Math.max(most, x), 0);
  return largest > 0 ? all.map((x) => Math.max(x / largest, LEAST_WEIGHT)) : undefined;
}

/** Normal random numbers (Box and Muller 1958). */
function normals(seed: number): () => number {
  const random = seededRandom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
