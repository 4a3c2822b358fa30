/** ONNX Runtime behind one interface. */
export * from './capabilities.ts';
export * from './create-runtime.ts';
export * from './memory.ts';
export * from './runtime.ts';
