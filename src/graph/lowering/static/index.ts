/** Static integer quantization: QDQ and QOperator forms. */
export * from './apply.ts';
export * from './operators.ts';
export * from './options.ts';
export * from './plan.ts';
export type * from './quantizable-operator.ts';
export * from './scale-groups.ts';
