import { kernelsNow } from '../../kernels/index.ts';

/** A book, and which entry each vector took. */
export interface Clusters {
  /** [entries, unit] */
  readonly book: Float32Array;
  /** Nearest entries of `book`, [count]. */
  readonly codes: Uint8Array;
  /** Weighted sum of squared distances. */
  readonly cost: number;
}

/** How long Lloyd's steps go on. */
export interface LloydLimits {
  readonly rounds: number;
  /** Stop when a round takes off less than this part of the cost. */
  readonly gain: number;
}

/**
 * Lloyd's steps from a starting book of up to 256 entries: every vector to its nearest entry, every entry to the mean
 * of its vectors, until little changes. An entry that nobody takes moves to the vector that costs most. The best book
 * seen is returned. Lloyd 1982, "Least squares quantization in PCM".
 */
export function lloyd(
  vectors: Float32Array, // [count, unit], magnitudes within 2^+-60
  weights: Float64Array | undefined, // [count]
  unit: number,
  start: Float32Array, // [entries, unit]
  { rounds, gain }: LloydLimits,
): Clusters {
  const count = vectors.length / unit;
  const entries = start.length / unit;
  let book = start.slice();
  let best: Clusters | undefined;
  for (let round = 0; ; round++) {
    const codes = new Uint8Array(count);
    kernelsNow().nearestVector.codes(vectors, book, unit, codes);
    const sums = new Float64Array(entries * unit);
    const mass = new Float64Array(entries);
    const costs = new Float64Array(count);
    let cost = 0;
    for (let i = 0; i < count; i++) {
      const code = codes[i]!;
      const w = weights ? weights[i]! : 1;
      mass[code]! += w;
      let off = 0;
      for (let d = 0; d < unit; d++) {
        const x = vectors[i * unit + d]!;
        sums[code * unit + d]! += w * x;
        off += (x - book[code * unit + d]!) ** 2;
      }
      costs[i] = w * off;
      cost += w * off;
    }
    const before = best?.cost ?? Number.POSITIVE_INFINITY;
    if (cost < before) best = { book, codes, cost };
    if (round >= rounds || cost === 0 || cost > before * (1 - gain)) return best!;
    const next = book.slice();
    for (let entry = 0; entry < entries; entry++) {
      const from = mass[entry]! > 0 ? -1 : takeCostliest(costs);
      for (let d = 0; d < unit; d++) {
        const at = entry * unit + d;
        next[at] = from < 0 ? sums[at]! / mass[entry]! : vectors[from * unit + d]!;
      }
    }
    book = next;
  }
}

/** The vector that costs most, which is then counted as served. */
function takeCostliest(costs: Float64Array): number {
  let at = 0;
  for (let i = 1; i < costs.length; i++) if (costs[i]! > costs[at]!) at = i;
  costs[at] = 0;
  return at;
}
