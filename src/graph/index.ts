/** The graph: what every rewrite works on. */
export * from './attribute.ts';
export * from './graph.ts';
export * from './lowering/index.ts';
export * from './lowering/static/index.ts';
export * from './model.ts';
export * from './node.ts';
export * from './onnx/index.ts';
export * from './passes/index.ts';
export * from './value.ts';
export * from './weight.ts';
export * from './weight-views.ts';
