/**
 * Element types: every tensor type of the ONNX 1.23 schema, under one name each.
 * Sub-byte types are packed low bits first, as ONNX, GGUF and safetensors all store them.
 */

/** What an element type is. */
export interface DTypeRow {
  /** Bits of one stored element; 0 where elements have no fixed size. */
  readonly bits: number;
  readonly kind: 'float' | 'signed' | 'unsigned' | 'bool' | 'complex' | 'string';
}

/** Every element type. */
export const dtypes = {
  float32: { bits: 32, kind: 'float' },
  float64: { bits: 64, kind: 'float' },
  float16: { bits: 16, kind: 'float' },
  bfloat16: { bits: 16, kind: 'float' },
  float8e4m3fn: { bits: 8, kind: 'float' },
  float8e4m3fnuz: { bits: 8, kind: 'float' },
  float8e5m2: { bits: 8, kind: 'float' },
  float8e5m2fnuz: { bits: 8, kind: 'float' },
  float8e8m0: { bits: 8, kind: 'float' },
  float4e2m1: { bits: 4, kind: 'float' },
  int64: { bits: 64, kind: 'signed' },
  int32: { bits: 32, kind: 'signed' },
  int16: { bits: 16, kind: 'signed' },
  int8: { bits: 8, kind: 'signed' },
  int4: { bits: 4, kind: 'signed' },
  int2: { bits: 2, kind: 'signed' },
  uint64: { bits: 64, kind: 'unsigned' },
  uint32: { bits: 32, kind: 'unsigned' },
  uint16: { bits: 16, kind: 'unsigned' },
  uint8: { bits: 8, kind: 'unsigned' },
  uint4: { bits: 4, kind: 'unsigned' },
  uint2: { bits: 2, kind: 'unsigned' },
  bool: { bits: 8, kind: 'bool' },
  complex64: { bits: 64, kind: 'complex' },
  complex128: { bits: 128, kind: 'complex' },
  string: { bits: 0, kind: 'string' },
} as const satisfies Record<string, DTypeRow>;

/** A row of `dtypes`. */
export type DType = keyof typeof dtypes;

/** Bytes that `count` elements of `dtype` take, packed. Strings have no fixed size: NaN. */
export function byteLengthOf(dtype: DType, count: number): number {
  const { bits } = dtypes[dtype];
  return bits === 0 ? Number.NaN : Math.ceil((count * bits) / 8);
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  for (const dim of dims) count *= dim;
  return count;
}
