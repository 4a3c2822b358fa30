/** ONNX Runtime behind one interface. */
export * from './runtime.ts';
