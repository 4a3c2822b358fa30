/** Passes: rewrites that keep what a model computes. */
export * from './fold-batch-norm.ts';
export * from './fold-constants.ts';
export * from './freeze-initializers.ts';
export { inferShapes } from './infer-shapes.ts';
export type * from './pass.ts';
export * from './remove-dead-code.ts';
export * from './remove-identity.ts';
