import {
  decodeTable,
  encodeSmallFloat,
  type FloatEncodeOptions,
  type SmallFloatName,
  smallFloats,
} from '../kernels/index.ts';

/**
 * Whole arrays to and from 16 and 8-bit floats. Rounding is to nearest, ties to even.
 * 16-bit floats overflow to Inf unless told to saturate; 8-bit floats saturate unless told not to, as ONNX Cast.
 */

function encodeInto<T extends Uint8Array | Uint16Array>(
  values: ArrayLike<number>,
  name: SmallFloatName,
  saturate: boolean,
  out: T,
): T {
  const row = smallFloats[name];
  for (let i = 0; i < values.length; i++) out[i] = encodeSmallFloat(values[i]!, row, saturate);
  return out;
}

function decodeArray(codes: ArrayLike<number>, name: SmallFloatName): Float32Array {
  const table = decodeTable(name);
  const out = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = table[codes[i]!]!;
  return out;
}

/** float32 to IEEE binary16 bits. */
export function encodeFloat16(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint16Array {
  return encodeInto(values, 'float16', options?.saturate ?? false, new Uint16Array(values.length));
}

/** IEEE binary16 bits to float32, exact. */
export function decodeFloat16(bits: Uint16Array): Float32Array {
  return decodeArray(bits, 'float16');
}

/** float32 to bfloat16 bits. */
export function encodeBfloat16(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint16Array {
  return encodeInto(values, 'bfloat16', options?.saturate ?? false, new Uint16Array(values.length));
}

/** bfloat16 bits to float32, exact. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/** float32 to FP8 E4M3FN (finite, largest 448). */
export function encodeE4m3fn(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint8Array {
  return encodeInto(values, 'float8e4m3fn', options?.saturate ?? true, new Uint8Array(values.length));
}

/** FP8 E4M3FN to float32, exact. */
export function decodeE4m3fn(codes: Uint8Array): Float32Array {
  return decodeArray(codes, 'float8e4m3fn');
}

/** float32 to FP8 E5M2 (largest 57344, has Inf). */
export function encodeE5m2(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint8Array {
  return encodeInto(values, 'float8e5m2', options?.saturate ?? true, new Uint8Array(values.length));
}

/** FP8 E5M2 to float32, exact. */
export function decodeE5m2(codes: Uint8Array): Float32Array {
  return decodeArray(codes, 'float8e5m2');
}
