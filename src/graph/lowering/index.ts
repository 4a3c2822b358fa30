/** Lowerings: rewrites of a float graph into operators that hold and compute fewer bits. */
export { type Bfloat16Options, lowerBfloat16 } from './bfloat16.ts';
export { type DynamicOptions, lowerDynamic } from './dynamic.ts';
export { type Float8Options, lowerFloat8 } from './float8.ts';
export { type Float16Options, lowerFloat16 } from './float16.ts';
export * from './lowering.ts';
export * from './scheme/index.ts';
export { lowerWeightOnly, type WeightOnlyOptions } from './weight-only.ts';
