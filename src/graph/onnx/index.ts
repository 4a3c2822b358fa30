/** The graph from and to ONNX files. */
export { type EncodedModel, encodeOnnx } from './encode-onnx.ts';
export { type OnnxInput, readOnnx } from './read-onnx.ts';
export { onnxSizeBytes, type WriteOnnxOptions, type WrittenFiles, writeOnnx } from './write-onnx.ts';
