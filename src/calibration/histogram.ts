import { createHistogramReference, type HistogramKernel } from '../kernels/histogram.ref.ts';
import { fail } from '../tensor/index.ts';

/** Fixed by the kernels. At least half of the bins lie inside the range of the data. */
export const histogramBins = 4096;
/** Narrowest bin, 2^-126: `1 / width` must be a normal float32. */
const smallestExponent = -126;
/** Bin indices stay below 2^22, so that they are exact as float32 and as int32. */
const indexBits = 22;

let reference: HistogramKernel | undefined;

/**
 * A histogram of a stream of floats in constant memory, and its exact extremes.
 *
 * Bins are [k w, (k + 1) w) for whole k, with w a power of two: the smallest one for which all values seen
 * so far fit into the bins. A value outside doubles w by adding up pairs of bins. So the result depends on
 * the values only, not on their order or on how they were cut into batches, and `merge` is exact.
 */
export class Histogram {
  /** Counts of bins `first`, `first + 1`, ...; exact up to 2^53. */
  counts = new Float64Array(histogramBins);
  /** Index k of the first bin. */
  first = 0;
  /** w = 2^exponent. */
  exponent = smallestExponent;
  /** Values seen, and how many of them were exactly zero (sparse activations quantize zeros exactly). */
  total = 0;
  zeros = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;

  readonly #kernel: HistogramKernel;
  readonly #where: { readonly value: string; readonly node: string };

  constructor(
    options: { readonly kernel?: HistogramKernel; readonly value?: string; readonly node?: string } = {},
  ) {
    this.#kernel = options.kernel ?? (reference ??= createHistogramReference());
    this.#where = { value: options.value ?? 'values', node: options.node ?? 'the caller' };
  }

  /** Bin width w. */
  get width(): number {
    return 2 ** this.exponent;
  }

  /** @throws calibration/not-finite on NaN or Inf; nothing of that block is counted. */
  update(values: Float32Array): void {
    const kernel = this.#kernel;
    for (let start = 0; start < values.length; start += kernel.block) {
      const block = values.subarray(start, start + kernel.block);
      const { min, max, zeros } = kernel.extremes(block);
      if (!Number.isFinite(max - min)) {
        kernel.take(this.counts);
        checkFinite(block, this.#where);
      }
      if (min < this.min || max > this.max) {
        if (this.total > 0) kernel.take(this.counts);
        this.#cover(min, max);
      }
      kernel.count(block, 2 ** -this.exponent, this.first);
      this.total += block.length;
      this.zeros += zeros;
    }
    kernel.take(this.counts);
  }

  /** Adds what another histogram saw. Exact: the same as one histogram over both streams. */
  merge(other: Histogram): void {
    if (other.total === 0) return;
    this.#cover(other.min, other.max);
    const shift = this.exponent - other.exponent;
    for (let i = 0; i < histogramBins; i++) {
      const count = other.counts[i]!;
      if (count > 0) this.counts[Math.floor((other.first + i) / 2 ** shift) - this.first]! += count;
    }
    this.total += other.total;
    this.zeros += other.zeros;
  }

  /** Widens the bins until [min, max] and everything seen before fit. */
  #cover(min: number, max: number): void {
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    const before = { exponent: this.exponent, first: this.first };
    const largest = Math.max(Math.abs(this.min), Math.abs(this.max));
    let exponent = Math.max(this.exponent, Math.ceil(Math.log2(largest)) - indexBits);
    while (Math.floor(this.max / 2 ** exponent) - Math.floor(this.min / 2 ** exponent) >= histogramBins) {
      exponent++;
    }
    const first = Math.floor(this.min / 2 ** exponent);
    this.exponent = exponent;
    this.first = first;
    if (this.total === 0 || (exponent === before.exponent && first === before.first)) return;
    const shift = 2 ** (exponent - before.exponent);
    const counts = new Float64Array(histogramBins);
    for (let i = 0; i < histogramBins; i++) {
      const count = this.counts[i]!;
      if (count > 0) counts[Math.floor((before.first + i) / shift) - first]! += count;
    }
    this.counts = counts;
  }
}

/** @throws calibration/not-finite naming the first NaN or Inf. */
export function checkFinite(
  values: Float32Array,
  where: { readonly value: string; readonly node: string },
): void {
  for (const value of values) {
    if (!Number.isFinite(value)) fail('calibration/not-finite', { ...where, got: String(value) });
  }
}
