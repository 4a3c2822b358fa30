/** Numbers on a line, each once, with what they weigh. */
export interface SortedPoints {
  /** Ascending and distinct. */
  readonly points: Float64Array;
  readonly weights: Float64Array;
  /** False when points stand for several different values near each other. */
  readonly exact: boolean;
}

/** Values up to which sorting is used; above, they fall into bins by their leading bits. */
const SORTED = 1 << 16;
/** Points that are left at most. */
export const POINTS = 1 << 16;
/** Sign, exponent and 11 bits of the mantissa: every float16 and bfloat16 has a bin of its own. */
const BIN_BITS = 20;

/**
 * The distinct values, ascending, with the sums of their weights (1 each when there are none, or none is positive).
 *
 * Exact up to 2^16 values, and for any number of values that fit into float16 or bfloat16. Others fall into bins as
 * wide as 2^-11 of their magnitude (wider only if more than 2^16 bins hold something), and each bin stands as its
 * mean. A clustering of the bins costs at most, over the best one of the values: sum over the k - 1 borders between
 * levels of 2 x gap of the levels x width of the bin that the border cuts x weight in it.
 */
export function sortedPoints(values: Float32Array, importance?: Float32Array): SortedPoints {
  const weights = importance?.some((w) => w > 0) ? importance : undefined;
  if (values.length > SORTED) return binned(values, weights);
  return weights ? sortedWithWeights(values, weights) : sorted(values);
}

function sorted(values: Float32Array): SortedPoints {
  const order = values.slice().sort();
  const points = new Float64Array(order.length);
  const weights = new Float64Array(order.length);
  let count = 0;
  for (const x of order) {
    if (count > 0 && points[count - 1] === x) weights[count - 1]!++;
    else {
      points[count] = x + 0;
      weights[count++] = 1;
    }
  }
  return { points: points.slice(0, count), weights: weights.slice(0, count), exact: true };
}

function sortedWithWeights(values: Float32Array, importance: Float32Array): SortedPoints {
  // Key and position in one double, so that the sort needs no comparisons of ours.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const keys = Float64Array.from(bits, (u, i) => keyOf(u) * SORTED + i).sort();
  const points = new Float64Array(keys.length);
  const weights = new Float64Array(keys.length);
  let count = 0;
  for (const key of keys) {
    const i = key % SORTED;
    const x = values[i]! + 0;
    if (count === 0 || points[count - 1] !== x) {
      points[count] = x;
      weights[count++] = 0;
    }
    weights[count - 1]! += importance[i]!;
  }
  return { points: points.slice(0, count), weights: weights.slice(0, count), exact: true };
}

/** Ascending as the float is, for finite ones; -0 just before 0. */
function keyOf(bits: number): number {
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
}

function binned(values: Float32Array, importance: Float32Array | undefined): SortedPoints {
  const shift = 32 - BIN_BITS;
  const bins = 2 ** BIN_BITS;
  const weight = new Float64Array(bins);
  const sum = new Float64Array(bins);
  const first = new Float32Array(bins).fill(Number.NaN);
  const mixed = new Uint8Array(bins);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const x = values[i]! + 0;
    const bin = x === 0 ? bins >> 1 : keyOf(bits[i]!) >>> shift;
    const w = importance ? importance[i]! : 1;
    weight[bin]! += w;
    sum[bin]! += w * x;
    if (first[bin] !== x) {
      if (Number.isNaN(first[bin]!)) first[bin] = x;
      else mixed[bin] = 1;
    }
  }
  let filled = 0;
  for (let bin = 0; bin < bins; bin++) if (!Number.isNaN(first[bin]!)) filled++;
  // Neighbouring bins together, until few enough hold something.
  let merged = 0;
  for (; filled > POINTS; merged++) {
    filled = 0;
    const width = 2 << merged;
    for (let bin = 0; bin < bins; bin += width) {
      let held = false;
      for (let b = bin; b < bin + width && !held; b++) held = !Number.isNaN(first[b]!);
      if (held) filled++;
    }
  }
  const points = new Float64Array(filled);
  const weights = new Float64Array(filled);
  let exact = true;
  let count = 0;
  for (let bin = 0; bin < bins; bin += 1 << merged) {
    let total = 0;
    let moment = 0;
    let one = Number.NaN;
    let several = false;
    for (let b = bin; b < bin + (1 << merged); b++) {
      if (Number.isNaN(first[b]!)) continue;
      several ||= mixed[b] === 1 || !Number.isNaN(one);
      one = first[b]!;
      total += weight[b]!;
      moment += sum[b]!;
    }
    if (Number.isNaN(one)) continue;
    exact &&= !several;
    points[count] = several && total > 0 ? moment / total : one;
    weights[count++] = total;
  }
  return { points, weights, exact };
}
