/** Passes: rewrites that keep what a model computes. */
export * from './absorb-bias.ts';
export * from './correct-bias.ts';
export * from './equalize.ts';
export * from './fold-batch-norm.ts';
export * from './fold-constants.ts';
export * from './freeze-initializers.ts';
export { type InferShapesOptions, inferShapes } from './infer-shapes.ts';
export * from './inline-functions.ts';
export * from './layer-pair.ts';
export * from './linear-layer.ts';
export * from './lower-qonnx.ts';
export { lowerQonnx } from './lower-qonnx.ts';
export type * from './pass.ts';
export { knownOpsets, raiseOpset } from './raise-opset.ts';
export * from './remove-dead-code.ts';
export * from './remove-identity.ts';
export * from './simplify.ts';
export * from './take-branches.ts';
