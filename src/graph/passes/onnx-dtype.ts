import type { DType } from '../../tensor/index.ts';

/** Element types by their number in ONNX's TensorProto.DataType; 0 is undefined. */
const byNumber: readonly (DType | undefined)[] = [
  undefined,
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
  'float8e8m0',
  'uint2',
  'int2',
];

/** The element type that an integer attribute (`to`, `dtype`, `output_dtype`) names. */
export function dtypeOfNumber(number: number | undefined): DType | undefined {
  return number === undefined ? undefined : byNumber[number];
}

/** The number ONNX gives an element type, for integer attributes. */
export function numberOfDType(dtype: DType): number {
  return byNumber.indexOf(dtype);
}
