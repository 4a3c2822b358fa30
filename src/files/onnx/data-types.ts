import type { DType } from '../../tensor/index.ts';

/** Repeated fields of TensorProto that can hold elements when raw_data does not. */
export type TypedField = 'int32Data' | 'int64Data' | 'uint64Data' | 'floatData' | 'doubleData' | 'stringData';

export interface DataTypeRow {
  /** Number in TensorProto.DataType. */
  readonly number: number;
  readonly typedField: TypedField;
}

/** ONNX's name tag of every element type, and the typed field that the schema assigns to it. */
export const dataTypes = {
  float32: { number: 1, typedField: 'floatData' },
  uint8: { number: 2, typedField: 'int32Data' },
  int8: { number: 3, typedField: 'int32Data' },
  uint16: { number: 4, typedField: 'int32Data' },
  int16: { number: 5, typedField: 'int32Data' },
  int32: { number: 6, typedField: 'int32Data' },
  int64: { number: 7, typedField: 'int64Data' },
  string: { number: 8, typedField: 'stringData' },
  bool: { number: 9, typedField: 'int32Data' },
  float16: { number: 10, typedField: 'int32Data' },
  float64: { number: 11, typedField: 'doubleData' },
  uint32: { number: 12, typedField: 'uint64Data' },
  uint64: { number: 13, typedField: 'uint64Data' },
  complex64: { number: 14, typedField: 'floatData' },
  complex128: { number: 15, typedField: 'doubleData' },
  bfloat16: { number: 16, typedField: 'int32Data' },
  float8e4m3fn: { number: 17, typedField: 'int32Data' },
  float8e4m3fnuz: { number: 18, typedField: 'int32Data' },
  float8e5m2: { number: 19, typedField: 'int32Data' },
  float8e5m2fnuz: { number: 20, typedField: 'int32Data' },
  uint4: { number: 21, typedField: 'int32Data' },
  int4: { number: 22, typedField: 'int32Data' },
  float4e2m1: { number: 23, typedField: 'int32Data' },
  float8e8m0: { number: 24, typedField: 'int32Data' },
  uint2: { number: 25, typedField: 'int32Data' },
  int2: { number: 26, typedField: 'int32Data' },
} as const satisfies Record<DType, DataTypeRow>;

const byNumber = new Map<number, DType>(
  Object.entries(dataTypes).map(([name, row]) => [row.number, name as DType]),
);

/** The element type of this number; undefined for 0 and for numbers of no known type. */
export function dtypeOfNumber(number: number): DType | undefined {
  return byNumber.get(number);
}
