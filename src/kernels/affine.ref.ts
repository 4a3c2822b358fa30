import { type FitSpec, fitAffineRef } from './fit-affine.ref.ts';
import { quantizeAffineRef } from './quantize-affine.ref.ts';
import { type Cells, dequantizeRef, quantizeCellsRef } from './uniform-cells.ref.ts';

/** How values lie: `rows` rows of `length` values, cut into blocks with a shorter last one. */
export interface BlockLayout {
  readonly rows: number;
  readonly length: number;
  readonly block: number;
}

export type IntegerArray = Int8Array | Uint8Array | Int16Array | Uint16Array;

/** Blocks to scale, zero point and codes. */
export interface AffineKernel {
  /** Least and largest value of each block, [rows, ceil(length / block)], written. */
  extremes(values: Float32Array, layout: BlockLayout, lows: Float32Array, highs: Float32Array): void;
  /** `scale`, `zero`: [rows, ceil(length / block)], written. `values`, `weights`: [rows, length], finite. */
  fit(
    values: Float32Array,
    weights: Float32Array | undefined,
    layout: BlockLayout,
    spec: FitSpec,
    scale: Float32Array,
    zero: Float32Array,
  ): void;
  /** codes[i] = clamp(nearest(values[i] / scale) + zero, minCode, maxCode), written. */
  quantize(
    values: Float32Array,
    layout: BlockLayout,
    scale: Float32Array,
    zero: Float32Array,
    range: { readonly minCode: number; readonly maxCode: number },
    codes: IntegerArray,
  ): void;
  /** Like `quantize`, for cells of any shape and rounding. `first`: place of values[0] in the tensor. */
  quantizeCells(
    values: Float32Array,
    layout: BlockLayout,
    scale: Float32Array,
    zero: Float32Array,
    range: { readonly minCode: number; readonly maxCode: number },
    cells: Cells,
    first: number,
    mask: Uint8Array | undefined,
    codes: IntegerArray,
  ): void;
  /** out[i] = (codes[i] - zero) * scale, written; `margin` of a dead zone, else 0. */
  dequantize(
    codes: IntegerArray,
    layout: BlockLayout,
    scale: Float32Array,
    zero: Float32Array,
    margin: number,
    out: Float32Array,
  ): void;
}

/** The readable twins of assembly/fit-affine.ts and assembly/quantize-affine.ts. */
export const affineReference: AffineKernel = {
  extremes(values, { rows, length, block }, lows, highs) {
    let at = 0;
    for (let row = 0; row < rows; row++) {
      for (let start = 0; start < length; start += block, at++) {
        const part = values.subarray(row * length + start, row * length + Math.min(start + block, length));
        lows[at] = part.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
        highs[at] = part.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      }
    }
  },
  fit: (values, weights, { rows, length, block }, spec, scale, zero) =>
    fitAffineRef(values, rows, length, block, weights, spec, scale, zero),
  quantize: (values, { rows, length, block }, scale, zero, { minCode, maxCode }, codes) =>
    quantizeAffineRef(values, rows, length, block, scale, zero, minCode, maxCode, codes),
  quantizeCells: quantizeCellsRef,
  dequantize: dequantizeRef,
};
