/**
 * The smallest ONNX model: y = Identity(x), float32 of one element, opset 13. Loading it shows that an
 * engine really starts. Written out as protobuf: field tag, length, content.
 */
export const identityModel = Uint8Array.from([
  ...[0x08, 7], // ir_version: 7
  ...[0x42, 2, 0x10, 13], // opset_import { version: 13 }
  ...[0x3a, 55], // graph
  ...[0x0a, 16, 0x0a, 1, ...ascii('x'), 0x12, 1, ...ascii('y'), 0x22, 8, ...ascii('Identity')], // node
  ...[0x12, 1, ...ascii('g')], // name
  ...[0x5a, 15, 0x0a, 1, ...ascii('x'), ...oneFloat()], // input
  ...[0x62, 15, 0x0a, 1, ...ascii('y'), ...oneFloat()], // output
]);

/** type { tensor_type { elem_type: FLOAT, shape { dim { dim_value: 1 } } } } */
function oneFloat(): number[] {
  return [0x12, 10, 0x0a, 8, 0x08, 1, 0x12, 4, 0x0a, 2, 0x08, 1];
}

function ascii(text: string): number[] {
  return [...text].map((c) => c.charCodeAt(0));
}
