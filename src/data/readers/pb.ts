import type { ByteSource } from '../../files/index.ts';
import { byteLengthOf, elementCount, fail } from '../../tensor/index.ts';
import { type RowDType, stridedRows } from '../rows.ts';
import type { Reader } from './reader.ts';

/** TensorProto.DataType numbers of the ONNX schema. */
const types: Readonly<Record<number, RowDType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
};

/** Fields of TensorProto that hold its elements as little-endian bytes: raw_data, packed float_data, double_data. */
const byteFields: readonly number[] = [9, 4, 10];
const maxVarintBytes = 10;

/** A tensor as ONNX test data stores it (input_0.pb). Read field by field: the elements stay in the file. */
export const pb: Reader = {
  description: 'ONNX TensorProto, as in test data of models (input_0.pb); samples along the first axis',
  extensions: ['.pb'],
  async open({ folder, path }) {
    const source = await folder.open(path);
    const found: { dims: number[]; type: number; bytes?: { offset: number; length: number } } = {
      dims: [],
      type: 0,
    };
    for (let at = 0; at < source.size; ) {
      const tag = await varint(source, at);
      const [field, wire] = [tag.value >>> 3, tag.value & 7];
      const value = await varint(source, tag.end);
      if (wire === 0) {
        if (field === 1) found.dims.push(value.value);
        if (field === 2) found.type = value.value;
        at = value.end;
      } else if (wire === 2) {
        const end = value.end + value.value;
        if (end > source.size) fail('data/truncated', { file: path, got: source.size, wanted: end });
        if (field === 1) {
          for (let d = value.end; d < end; ) {
            const dim = await varint(source, d);
            found.dims.push(dim.value);
            d = dim.end;
          }
        } else if (byteFields.includes(field)) found.bytes = { offset: value.end, length: value.value };
        at = end;
      } else if (wire === 1 || wire === 5) at = tag.end + (wire === 1 ? 8 : 4);
      else fail('data/malformed', { file: path, what: 'it is no ONNX tensor' });
      if (found.dims.length > 32) fail('data/malformed', { file: path, what: 'it has more than 32 axes' });
    }
    const { dims, type, bytes } = found;
    const dtype = types[type];
    const length = dtype === undefined ? Number.NaN : byteLengthOf(dtype, elementCount(dims));
    if (dtype === undefined || bytes === undefined || bytes.length !== length) {
      fail('data/malformed', { file: path, what: 'it is no ONNX tensor with its elements as bytes' });
    }
    const [count = 1, ...rest] = dims;
    return stridedRows({ source, offset: bytes.offset, count, dtype, dims: rest });
  },
};

async function varint(source: ByteSource, offset: number): Promise<{ value: number; end: number }> {
  const bytes = await source.read(offset, Math.min(maxVarintBytes, source.size - offset));
  let value = 0;
  for (let i = 0; i < bytes.length; i++) {
    value += (bytes[i]! & 127) * 2 ** (7 * i);
    if (bytes[i]! < 128) return { value, end: offset + i + 1 };
  }
  fail('data/malformed', { file: source.name, what: 'it is no ONNX tensor' });
}
