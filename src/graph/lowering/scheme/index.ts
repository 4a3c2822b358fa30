/** Weights in any number format, as standard ONNX. */
export { checkIndexable, lowerScheme, type SchemeOptions, type SchemeQuantizer } from './lower-scheme.ts';
export type { SchemeCarrier } from './packed-products.ts';
