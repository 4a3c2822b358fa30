/** Number formats, granularity, schemes, quantized tensors. */

export type { BlockSearch, FloatEncodeOptions } from '../kernels/index.ts';
export { type CodeRange, integerCodes } from './affine.ts';
export * from './affine-parameters.ts';
export * from './float-arrays.ts';
export * from './formats.ts';
export * from './from-float32.ts';
export * from './ggml/block-codec.ts';
export * from './ggml/block-formats.ts';
export * from './ggml/file-types.ts';
export * from './ggml/plan-types.ts';
export { isQuantizable } from './ggml/tensor-role.ts';
export * from './granularity.ts';
export type * from './number-format.ts';
export * from './octav.ts';
export * from './pack-bits.ts';
export * from './presets.ts';
export * from './quantization-error.ts';
export * from './quantize-tensor.ts';
export * from './quantized-tensor.ts';
export * from './scheme.ts';
export { toFloat32 } from './to-float32.ts';
