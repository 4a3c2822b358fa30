import { decodeTable, encodeSmallFloat, smallFloats } from './small-float.ts';

/** float32 to and from 16-bit floats, and nibbles. Arrays of a pair have the same length. */
export interface ConvertKernel {
  encodeFloat16(from: Float32Array, to: Uint16Array, saturate: boolean): void;
  encodeBfloat16(from: Float32Array, to: Uint16Array, saturate: boolean): void;
  decodeFloat16(from: Uint16Array, to: Float32Array): void;
  decodeBfloat16(from: Uint16Array, to: Float32Array): void;
  /** Two 4-bit codes per byte, low bits first. `to`: ceil(from.length / 2). */
  packNibbles(from: Uint8Array | Int8Array, to: Uint8Array): void;
}

const encode =
  (name: 'float16' | 'bfloat16'): ConvertKernel['encodeFloat16'] =>
  (from, to, saturate) => {
    for (let i = 0; i < from.length; i++) to[i] = encodeSmallFloat(from[i]!, smallFloats[name], saturate);
  };
const decode =
  (name: 'float16' | 'bfloat16'): ConvertKernel['decodeFloat16'] =>
  (from, to) => {
    const table = decodeTable(name);
    for (let i = 0; i < from.length; i++) to[i] = table[from[i]!]!;
  };

/** The readable twin of assembly/convert.ts. */
export const convertReference: ConvertKernel = {
  encodeFloat16: encode('float16'),
  encodeBfloat16: encode('bfloat16'),
  decodeFloat16: decode('float16'),
  decodeBfloat16: decode('bfloat16'),
  packNibbles(from, to) {
    for (let i = 0; i < to.length; i++) to[i] = (from[2 * i]! & 15) | ((from[2 * i + 1]! & 15) << 4);
  },
};
