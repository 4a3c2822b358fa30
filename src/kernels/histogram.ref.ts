/**
 * Counting values into the bins of a histogram: the readable twin of `assembly/histogram.ts`.
 * Bin widths are powers of two, so `value * perBin` is exact and both give the same counts.
 */

/** What one block of values looks like. NaN anywhere makes `min` and `max` NaN. */
export interface Extremes {
  min: number;
  max: number;
  /** How many are exactly zero. */
  zeros: number;
}

/** The hot loop behind streaming histograms. Counts gather inside until `take`. */
export interface HistogramKernel {
  /** Most bins it can hold. */
  readonly bins: number;
  /** Best number of values per call: they stay in the first-level cache between the two passes. */
  readonly block: number;
  extremes(values: Float32Array): Extremes;
  /** Adds one to bin floor(value * perBin) - first, for every value. All must fall into the bins. */
  count(values: Float32Array, perBin: number, first: number): void;
  /** Adds the gathered counts to `counts` and clears them. */
  take(counts: Float64Array): void;
}

const bins = 4096;

/** Plain TypeScript: works everywhere, no set-up. */
export function createHistogramReference(): HistogramKernel {
  const gathered = new Uint32Array(bins);
  return {
    bins,
    block: 4096,
    extremes(values) {
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      let zeros = 0;
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        if (Number.isNaN(value)) return { min: Number.NaN, max: Number.NaN, zeros };
        if (value < min) min = value;
        if (value > max) max = value;
        if (value === 0) zeros++;
      }
      return { min, max, zeros };
    },
    count(values, perBin, first) {
      for (let i = 0; i < values.length; i++) gathered[Math.floor(values[i]! * perBin) - first]!++;
    },
    take(counts) {
      for (let i = 0; i < bins; i++) counts[i]! += gathered[i]!;
      gathered.fill(0);
    },
  };
}
