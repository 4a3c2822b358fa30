/** Number formats, granularity, schemes, quantized tensors. */
export * from './formats.ts';
export * from './granularity.ts';
export * from './quantized-tensor.ts';
export * from './scheme.ts';
