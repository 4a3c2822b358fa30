/** Number formats, granularity, schemes, quantized tensors. */

export type { BlockSearch, FloatEncodeOptions } from '../kernels/index.ts';
export { type CodeRange, integerCodes } from './affine.ts';
export * from './affine-parameters.ts';
export type * from './composite/composite.ts';
export * from './composite/composite-bits.ts';
export { compositeError } from './composite/composite-error.ts';
export { dequantizeComposite } from './composite/dequantize-composite.ts';
export * from './composite/planned-bits.ts';
export * from './composite/quantize-composite.ts';
export { decodeScales } from './composite/quantize-scales.ts';
export { codeCount, encodedTiles } from './encoded-tiles.ts';
export * from './entropy/crc32.ts';
export * from './entropy/entropy-decode.ts';
export {
  type ElementBytes,
  type EntropyCoded,
  entropyEncode,
  entropyEncodeBytes,
} from './entropy/entropy-encode.ts';
export * from './entropy/fit-table.ts';
export * from './entropy/symbol-counts.ts';
export * from './float-arrays.ts';
export * from './format-menu.ts';
export { codeValues } from './formats/code-values.ts';
export * from './formats/format-families.ts';
export { formatNamed } from './formats/format-named.ts';
export * from './formats/formats.ts';
export type * from './formats/number-format.ts';
export type { SchemeOption } from './formats/scheme-options.ts';
export * from './from-float32.ts';
export * from './ggml/block-codec.ts';
export * from './ggml/block-formats.ts';
export * from './ggml/file-types.ts';
export * from './ggml/plan-types.ts';
export { isQuantizable } from './ggml/tensor-role.ts';
export * from './granularity.ts';
export { largestMagnitudes } from './largest-magnitudes.ts';
export * from './octav.ts';
export * from './pack-bits.ts';
export * from './presets.ts';
export * from './quantization-error.ts';
export * from './quantize-tensor.ts';
export * from './quantized-tensor.ts';
export { type BinnedValues, divergence, leastTold } from './range-search/divergence.ts';
export * from './range-search/range-grid.ts';
export * from './ranges.ts';
export * from './round-trip.ts';
export * from './scheme.ts';
export * from './scheme-text.ts';
export { toFloat32 } from './to-float32.ts';
export { totalCodes } from './total-codes.ts';
export type { Range } from './uniform-grid.ts';
export * from './value-distribution.ts';
