/** Nearest of up to 256 sorted levels: the readable twin of assembly/nearest-level.ts. */

/** How values lie when each block has levels of its own: `rows` rows of `length`, cut into blocks. */
interface Layout {
  readonly rows: number;
  readonly length: number;
  readonly block: number;
}

/** Values to the codes of their nearest levels. */
export interface NearestLevelKernel {
  /**
   * codes[i] = number of the block's thresholds below values[i], written. NaN gets code 0.
   * `thresholds`: [blocks, stride], ascending, filled up with Infinity; stride a power of two up to 256.
   */
  codes(
    values: Float32Array, // [rows, length]
    layout: Layout,
    thresholds: Float32Array,
    stride: number,
    codes: Uint8Array, // [rows, length]
  ): void;
}

const one = new Float32Array(1);
const bits = new Int32Array(one.buffer);

/**
 * Where one level ends and the next begins, [stride]: x lies above threshold i exactly when level i + 1 is nearer
 * than level i, the lower one when both are equally near. Behind the last distinct level all is Infinity.
 * `levels`: ascending, finite; equal ones only at the end.
 */
export function thresholdsOf(levels: Float32Array, stride: number): Float32Array {
  const thresholds = new Float32Array(stride).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i + 1 < levels.length && levels[i + 1]! > levels[i]!; i++) {
    const middle = (levels[i]! + levels[i + 1]!) / 2;
    one[0] = middle;
    // The largest float32 that is not above the middle: what lies above it lies above the middle.
    if (one[0]! > middle) bits[0]! += one[0]! > 0 ? -1 : 1;
    thresholds[i] = one[0]!;
  }
  return thresholds;
}

/** Codes under one set of thresholds. */
export function nearestLevelRef(
  values: Float32Array,
  thresholds: Float32Array, // [power of two]
  codes: Uint8Array,
): void {
  const half = thresholds.length >> 1;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    let code = 0;
    for (let step = half; step > 0; step >>= 1) if (x > thresholds[code + step - 1]!) code += step;
    codes[i] = code;
  }
}

/** The readable twin. */
export const nearestLevelReference: NearestLevelKernel = {
  codes(values, { rows, length, block }, thresholds, stride, codes) {
    let at = 0;
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * length;
      for (let from = row * length; from < end; from += block, at += stride) {
        const to = Math.min(from + block, end);
        nearestLevelRef(
          values.subarray(from, to),
          thresholds.subarray(at, at + stride),
          codes.subarray(from, to),
        );
      }
    }
  },
};
