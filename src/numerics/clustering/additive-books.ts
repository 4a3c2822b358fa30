import { seededRandom } from '../../tensor/index.ts';
import { evenSample, kMeansVectors } from './learn-vectors.ts';
import { sumSearch } from './nearest-sum.ts';

/** Rounds of choosing codes anew and fitting all books at once. */
const ROUNDS = 4;
/** Vectors that these rounds see: each chooses among up to 2^16 sums. */
const SAMPLE = 1 << 13;
/** How strongly entries hold on to where they were, as a part of the mean weight: unused ones stay. */
const HOLD = 1e-3;

/**
 * Books whose entries are added, one of each: [stages, 2^bits, unit].
 *
 * 1. In stages: each book clusters what the books before it left over (Juang & Gray 1982, multiple stage vector
 *    quantization).
 * 2. Then in turns: every vector takes the nearest of all sums, and all entries together move to the least squares
 *    of these codes: (G + h I) C = R + h C_before, with G how often two entries are used together and R the sums of
 *    the vectors that use each (Babenko & Lempitsky 2014, additive quantization). Neither step makes it worse.
 */
export function additiveBooks(
  vectors: Float32Array, // [count, unit], magnitudes up to 1
  weights: Float64Array | undefined, // [count]
  unit: number,
  bits: number,
  stages: number,
  seed: number,
): Float32Array {
  const entries = 2 ** bits;
  const books = new Float32Array(stages * entries * unit);
  const rest = vectors.slice();
  for (let stage = 0; stage < stages; stage++) {
    const { book, codes } = kMeansVectors(rest, weights, unit, entries, seed + stage);
    books.set(book, stage * entries * unit);
    // Fewer different vectors than entries: what is left stays at zero and adds nothing.
    for (let i = 0; i < codes.length; i++) {
      for (let d = 0; d < unit; d++) rest[i * unit + d]! -= book[codes[i]! * unit + d]!;
    }
  }
  const sample = evenSample(vectors, weights, unit, SAMPLE, seededRandom(seed));
  let best: Float32Array = books;
  let least = Number.POSITIVE_INFINITY;
  let current: Float32Array = books;
  for (let round = 0; round <= ROUNDS; round++) {
    const codes = new Uint16Array(sample.vectors.length / unit);
    sumSearch(current, stages, bits, unit).codes(sample.vectors, codes);
    const cost = costOf(sample.vectors, sample.weights, current, codes, unit, bits, stages);
    if (cost >= least) break;
    const little = cost > least * 0.998;
    [best, least] = [current, cost];
    if (round === ROUNDS || little || cost === 0) break;
    current = refitted(sample.vectors, sample.weights, current, codes, unit, bits, stages);
  }
  return best;
}

/** The rows of `books` that a code adds. */
function used(code: number, stage: number, bits: number): number {
  return (stage << bits) + ((code >> (stage * bits)) & (2 ** bits - 1));
}

function costOf(
  vectors: Float32Array,
  weights: Float64Array | undefined,
  books: Float32Array,
  codes: Uint16Array,
  unit: number,
  bits: number,
  stages: number,
): number {
  let cost = 0;
  for (let i = 0; i < codes.length; i++) {
    for (let d = 0; d < unit; d++) {
      let off = vectors[i * unit + d]!;
      for (let stage = 0; stage < stages; stage++) off -= books[used(codes[i]!, stage, bits) * unit + d]!;
      cost += (weights ? weights[i]! : 1) * off * off;
    }
  }
  return cost;
}

/** All entries at once, by least squares under given codes. */
function refitted(
  vectors: Float32Array,
  weights: Float64Array | undefined,
  books: Float32Array,
  codes: Uint16Array,
  unit: number,
  bits: number,
  stages: number,
): Float32Array {
  const n = stages * 2 ** bits;
  const G = new Float64Array(n * n);
  const R = new Float64Array(n * unit);
  let mass = 0;
  for (let i = 0; i < codes.length; i++) {
    const w = weights ? weights[i]! : 1;
    mass += w;
    for (let s = 0; s < stages; s++) {
      const row = used(codes[i]!, s, bits);
      for (let t = 0; t <= s; t++) G[row * n + used(codes[i]!, t, bits)]! += w;
      for (let d = 0; d < unit; d++) R[row * unit + d]! += w * vectors[i * unit + d]!;
    }
  }
  const hold = (HOLD * mass) / codes.length;
  for (let i = 0; i < n; i++) G[i * n + i]! += hold;
  for (let i = 0; i < R.length; i++) R[i]! += hold * books[i]!;
  solve(G, R, n, unit);
  return Float32Array.from(R);
}

/** Solves G C = R in place by Cholesky. `G`: [n, n], symmetric and positive; its lower half is read and replaced. */
function solve(G: Float64Array, R: Float64Array, n: number, columns: number): void {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = G[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= G[i * n + k]! * G[j * n + k]!;
      G[i * n + j] = i === j ? Math.sqrt(sum) : sum / G[j * n + j]!;
    }
  }
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < n; i++) {
      let sum = R[i * columns + c]!;
      for (let k = 0; k < i; k++) sum -= G[i * n + k]! * R[k * columns + c]!;
      R[i * columns + c] = sum / G[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = R[i * columns + c]!;
      for (let k = i + 1; k < n; k++) sum -= G[k * n + i]! * R[k * columns + c]!;
      R[i * columns + c] = sum / G[i * n + i]!;
    }
  }
}
