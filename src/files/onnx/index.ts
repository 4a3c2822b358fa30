/** The ONNX container: messages, wire format, and where a model's numbers are in its file. */
export * from './attribute-types.ts';
export * from './data-types.ts';
export * from './generated/onnx_pb.ts';
export * from './payload.ts';
export * from './read-model-proto.ts';
export { tag, varint, wireTypes } from './wire.ts';
