import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { memoryFolder, memorySiblings, memorySource } from '../../files/index.ts';
import { dataTypes, ModelProtoSchema, TensorProtoSchema } from '../../files/onnx/index.ts';
import { byteLengthOf, type DType, dtypes, elementCount } from '../../tensor/index.ts';
import { encodeOnnx, Graph, lazyWeight, Model, readOnnx, type Weight, writeOnnx } from '../index.ts';

/** Every element type of the schema: embedded, external, and in the typed fields that older exporters use. */

type Numeric = Exclude<DType, 'string'>;
const numeric = Object.keys(dtypes).filter((d) => d !== 'string') as Numeric[];
const dims = [3, 5];

/** Bytes that use every bit but those past the end of a packed tensor. */
function sample(dtype: Numeric): Uint8Array {
  const bytes = Uint8Array.from(
    { length: byteLengthOf(dtype, elementCount(dims)) },
    (_, i) => (i * 73 + 200) & 255,
  );
  const spare = bytes.length * 8 - elementCount(dims) * dtypes[dtype].bits;
  bytes[bytes.length - 1]! &= 255 >> spare;
  return bytes;
}

function modelWith(tensor: Weight): Model {
  const graph = new Graph('types');
  graph.initializers.set('w', tensor);
  return new Model(graph);
}

/** A file of the protobuf library's own making with one initializer. */
function fileWith(tensor: MessageInitShape<typeof TensorProtoSchema>): Uint8Array {
  const initializer = [create(TensorProtoSchema, { name: 'w', dims: dims.map(BigInt), ...tensor })];
  const model = { irVersion: 13n, opsetImport: [{ version: 26n }], graph: { name: 'types', initializer } };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}

async function weightIn(bytes: Uint8Array, files?: ReadonlyMap<string, Uint8Array>): Promise<Weight> {
  const siblings = files && memorySiblings(files);
  const { graph } = await readOnnx({ source: memorySource(bytes, 'types.onnx'), siblings });
  return graph.initializers.get('w') as Weight;
}

describe.each(numeric)('%s', (dtype) => {
  const bytes = sample(dtype);
  const lazy = lazyWeight(dtype, dims, async () => bytes);

  test('embedded', async () => {
    const weight = await weightIn((await encodeOnnx(modelWith(lazy))).bytes);
    expect([weight.dtype, weight.dims, weight.byteLength]).toEqual([dtype, dims, bytes.length]);
    expect(await weight.read()).toEqual(bytes);
    expect(await weight.read(1, 1)).toEqual(bytes.subarray(1, 2));
  });

  test('external', async () => {
    const big = lazyWeight(dtype, [64, 128], async () => new Uint8Array(byteLengthOf(dtype, 8192)).fill(37));
    const folder = memoryFolder();
    await writeOnnx(modelWith(big), { folder, name: 'm.onnx', externalData: true });
    expect([...folder.files.keys()]).toEqual(['m.onnx_data', 'm.onnx']);
    expect(folder.files.get('m.onnx')!.length).toBeLessThan(200);
    const weight = await weightIn(folder.files.get('m.onnx')!, folder.files);
    expect(weight.dtype).toBe(dtype);
    expect(await weight.read()).toEqual(await big.read());
  });

  test('in its typed field', async () => {
    const { number, typedField } = dataTypes[dtype];
    const tensor = { dataType: number, [typedField]: typedValues(dtype, bytes) };
    const weight = await weightIn(fileWith(tensor));
    expect(await weight.read()).toEqual(bytes);
    expect(await weight.read(2, 1)).toEqual(bytes.subarray(2, 3));
  });

  test('in its typed field, one tag per element', async () => {
    const { number, typedField } = dataTypes[dtype];
    const tensor = toBinary(
      TensorProtoSchema,
      create(TensorProtoSchema, { dataType: number, name: 'w', dims: dims.map(BigInt) }),
    );
    const packed = create(TensorProtoSchema, { [typedField]: typedValues(dtype, bytes) });
    const weight = await weightIn(
      fileAround([...tensor, ...unpacked(toBinary(TensorProtoSchema, packed), typedField)]),
    );
    expect(await weight.read()).toEqual(bytes);
  });
});

test('strings', async () => {
  const words = ['', 'å', 'three'].map((s) => new TextEncoder().encode(s));
  const graph = new Graph('strings');
  graph.initializers.set('w', { dtype: 'string', dims: [3], data: words });
  const { bytes } = await encodeOnnx(new Model(graph));
  const read = await readOnnx({ source: memorySource(bytes) });
  expect(read.graph.initializers.get('w')).toEqual({ dtype: 'string', dims: [3], data: words });
});

/** The entries of the typed field: sign-extended integers, bit patterns, or packed bytes, as the schema says. */
function typedValues(dtype: Numeric, bytes: Uint8Array): (number | bigint)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const each = <T>(size: number, read: (at: number) => T) =>
    Array.from({ length: bytes.length / size }, (_, i) => read(i * size));
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return each(4, (at) => view.getFloat32(at, true));
    case 'float64':
    case 'complex128':
      return each(8, (at) => view.getFloat64(at, true));
    case 'int64':
      return each(8, (at) => view.getBigInt64(at, true));
    case 'uint64':
      return each(8, (at) => view.getBigUint64(at, true));
    case 'uint32':
      return each(4, (at) => BigInt(view.getUint32(at, true)));
    case 'int32':
      return each(4, (at) => view.getInt32(at, true));
    case 'int16':
      return each(2, (at) => view.getInt16(at, true));
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return each(2, (at) => view.getUint16(at, true));
    case 'int8':
      return each(1, (at) => view.getInt8(at));
    default:
      return [...bytes];
  }
}

/** The same elements with a tag before each: what writers without [packed] make. */
function unpacked(message: Uint8Array, field: string): number[] {
  const number = message[0]! >> 3;
  let at = 1;
  while (message[at++]! >= 128);
  const size = field === 'floatData' ? 4 : field === 'doubleData' ? 8 : 0;
  const out: number[] = [];
  while (at < message.length) {
    out.push(number * 8 + (size === 4 ? 5 : size === 8 ? 1 : 0));
    const start = at;
    if (size > 0) at += size;
    else while (message[at++]! >= 128);
    out.push(...message.subarray(start, at));
  }
  return out;
}

/** A model file around the bytes of one initializer. */
function fileAround(tensor: readonly number[]): Uint8Array {
  const graph = [0x2a, ...length(tensor), ...tensor];
  return Uint8Array.from([8, 13, 0x42, 2, 16, 26, 0x3a, ...length(graph), ...graph]);
}

const length = (bytes: readonly number[]) =>
  bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
