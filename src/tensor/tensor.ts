import { byteLengthOf, type DType, elementCount } from './dtype.ts';
import { fail } from './errors.ts';

/**
 * The array that holds each element type in memory. float16 and bfloat16 stay as their 16 bits, 8-bit
 * floats as bytes, sub-byte types packed low bits first: conversion is explicit (`toFloat32`).
 */
export interface DTypeArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  float8e4m3fn: Uint8Array;
  float8e4m3fnuz: Uint8Array;
  float8e5m2: Uint8Array;
  float8e5m2fnuz: Uint8Array;
  float8e8m0: Uint8Array;
  float4e2m1: Uint8Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  int4: Uint8Array;
  int2: Uint8Array;
  uint64: BigUint64Array;
  uint32: Uint32Array;
  uint16: Uint16Array;
  uint8: Uint8Array;
  uint4: Uint8Array;
  uint2: Uint8Array;
  bool: Uint8Array;
  complex64: Float32Array;
  complex128: Float64Array;
  string: string[];
}

/** A dense tensor in memory, row-major. `data` holds `elementCount(dims)` elements. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  readonly data: DTypeArrays[D];
}

type ArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
  new (length: number): ArrayBufferView;
};

const arrayConstructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float8e4m3fn: Uint8Array,
  float8e4m3fnuz: Uint8Array,
  float8e5m2: Uint8Array,
  float8e5m2fnuz: Uint8Array,
  float8e8m0: Uint8Array,
  float4e2m1: Uint8Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  int4: Uint8Array,
  int2: Uint8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  uint4: Uint8Array,
  uint2: Uint8Array,
  bool: Uint8Array,
  complex64: Float32Array,
  complex128: Float64Array,
} as const satisfies Record<Exclude<DType, 'string'>, ArrayConstructor>;

/** Makes a tensor; the array must match the type. */
export function tensor<D extends DType>(dtype: D, dims: readonly number[], data: DTypeArrays[D]): Tensor<D> {
  return { dtype, dims, data };
}

/**
 * An array of `length` zeros of the kind that holds `dtype`: one slot per element, except that a slot is a
 * byte of packed codes for types below 8 bits, and half a number for complex ones.
 */
export function zeros<D extends Exclude<DType, 'string'>>(dtype: D, length: number): DTypeArrays[D] {
  const Constructor: ArrayConstructor = arrayConstructors[dtype];
  return new Constructor(length) as unknown as DTypeArrays[D];
}

/** float32 tensor from plain numbers, for constants and tests. */
export function float32(dims: readonly number[], values: ArrayLike<number>): Tensor<'float32'> {
  return { dtype: 'float32', dims, data: Float32Array.from(values) };
}

/** int64 tensor from plain integers: ONNX shapes, axes, indices. */
export function int64(dims: readonly number[], values: readonly number[]): Tensor<'int64'> {
  return { dtype: 'int64', dims, data: BigInt64Array.from(values, BigInt) };
}

/**
 * Sees little-endian bytes as the array of `dtype`; copies only when `bytes` is not aligned.
 * @throws tensor/byte-length when the bytes are not exactly what the shape needs.
 */
export function tensorFromBytes<D extends Exclude<DType, 'string'>>(
  dtype: D,
  dims: readonly number[],
  bytes: Uint8Array,
): Tensor<D> {
  const wanted = byteLengthOf(dtype, elementCount(dims));
  if (bytes.byteLength !== wanted) {
    fail('tensor/byte-length', { dtype, dims: [...dims], got: bytes.byteLength, wanted });
  }
  const Constructor: ArrayConstructor = arrayConstructors[dtype];
  const unit = Constructor.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % unit === 0 ? bytes : plainBytes(bytes).slice();
  const data = new Constructor(aligned.buffer, aligned.byteOffset, aligned.byteLength / unit);
  return { dtype, dims, data: data as unknown as DTypeArrays[D] };
}

/** The little-endian bytes of a tensor, without a copy. Every platform lowbit runs on is little-endian. */
export function bytesOf(t: Tensor<Exclude<DType, 'string'>>): Uint8Array {
  const view = t.data as ArrayBufferView;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The same bytes as a Uint8Array of no subclass: `slice` of Node's Buffer gives a view where others copy. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
