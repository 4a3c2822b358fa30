/** Lowerings: rewrites of a float graph into operators that hold and compute fewer bits. */
export { type DynamicOptions, lowerDynamic } from './dynamic.ts';
export * from './lowering.ts';
export { lowerWeightOnly, type WeightOnlyOptions } from './weight-only.ts';
