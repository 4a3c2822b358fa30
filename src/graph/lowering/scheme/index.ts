/** Weights in any number format, as standard ONNX. */
export { lowerScheme, type SchemeOptions, type SchemeQuantizer } from './lower-scheme.ts';
