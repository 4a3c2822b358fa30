import {
  decodeTable,
  encodeSmallFloat,
  type FloatEncodeOptions,
  kernelsNow,
  type SmallFloatName,
  smallFloats,
} from '../kernels/index.ts';

/**
 * Whole arrays to and from 16 and 8-bit floats. Rounding is to nearest, ties to even.
 * 16-bit floats overflow to Inf unless told to saturate; 8-bit floats saturate unless told not to, as ONNX Cast.
 * After `await kernels()` the 16-bit ones run in SIMD, with the same bits.
 */

function encode8(values: ArrayLike<number>, name: SmallFloatName, saturate = true): Uint8Array {
  const out = new Uint8Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = encodeSmallFloat(values[i]!, smallFloats[name], saturate);
  return out;
}

function decode8(codes: Uint8Array, name: SmallFloatName): Float32Array {
  const table = decodeTable(name);
  return Float32Array.from(codes, (code) => table[code]!);
}

const floats = (values: ArrayLike<number>) =>
  values instanceof Float32Array ? values : Float32Array.from(values);

/** float32 to IEEE binary16 bits. */
export function encodeFloat16(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint16Array {
  const out = new Uint16Array(values.length);
  kernelsNow().convert.encodeFloat16(floats(values), out, options?.saturate ?? false);
  return out;
}

/** IEEE binary16 bits to float32, exact. */
export function decodeFloat16(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  kernelsNow().convert.decodeFloat16(bits, out);
  return out;
}

/** float32 to bfloat16 bits. */
export function encodeBfloat16(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint16Array {
  const out = new Uint16Array(values.length);
  kernelsNow().convert.encodeBfloat16(floats(values), out, options?.saturate ?? false);
  return out;
}

/** bfloat16 bits to float32, exact. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  kernelsNow().convert.decodeBfloat16(bits, out);
  return out;
}

/** float32 to FP8 E4M3FN (finite, largest 448). */
export function encodeE4m3fn(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint8Array {
  return encode8(values, 'float8e4m3fn', options?.saturate);
}

/** FP8 E4M3FN to float32, exact. */
export function decodeE4m3fn(codes: Uint8Array): Float32Array {
  return decode8(codes, 'float8e4m3fn');
}

/** float32 to FP8 E5M2 (largest 57344, has Inf). */
export function encodeE5m2(values: ArrayLike<number>, options?: FloatEncodeOptions): Uint8Array {
  return encode8(values, 'float8e5m2', options?.saturate);
}

/** FP8 E5M2 to float32, exact. */
export function decodeE5m2(codes: Uint8Array): Float32Array {
  return decode8(codes, 'float8e5m2');
}
