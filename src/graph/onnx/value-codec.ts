import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  dataTypes,
  dtypeOfNumber,
  type TensorShapeProto,
  type TypeProto,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../files/onnx/index.ts';
import { fail } from '../../tensor/index.ts';
import type { Dim, TypeInfo, ValueInfo } from '../value.ts';
import { fromEntries, toEntries } from './string-map.ts';

export function readValueInfo(proto: ValueInfoProto, file: string): ValueInfo {
  return {
    name: proto.name,
    type: proto.type === undefined ? undefined : readType(proto.type, file, `Value '${proto.name}'`),
    ...(proto.docString !== '' && { docString: proto.docString }),
    ...(proto.metadataProps.length > 0 && { metadata: fromEntries(proto.metadataProps) }),
  };
}

export function writeValueInfo(value: ValueInfo): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name: value.name,
    ...(value.type !== undefined && { type: writeType(value.type) }),
    ...(value.docString !== undefined && { docString: value.docString }),
    ...(value.metadata !== undefined && { metadataProps: toEntries(value.metadata) }),
  });
}

/** @throws onnx/data-type for an element type that no version of ONNX has. */
export function readType(proto: TypeProto, file: string, where: string): TypeInfo {
  if (proto.value.case !== 'tensorType') return { kind: 'opaque', proto: toBinary(TypeProtoSchema, proto) };
  const { elemType, shape } = proto.value.value;
  const dtype = dtypeOfNumber(elemType);
  if (dtype === undefined && elemType !== 0) fail('onnx/data-type', { file, where, got: elemType });
  const denotations = shape?.dim.map((d) => d.denotation);
  return {
    kind: 'tensor',
    dtype,
    shape: shape?.dim.map(readDim),
    ...(proto.denotation !== '' && { denotation: proto.denotation }),
    ...(denotations?.some((d) => d !== '') && { dimDenotations: denotations }),
  };
}

export function writeType(type: TypeInfo): TypeProto {
  if (type.kind === 'opaque') return fromBinary(TypeProtoSchema, type.proto);
  const elemType = type.dtype === undefined ? 0 : dataTypes[type.dtype].number;
  const dim = type.shape?.map((d, i) => ({
    ...(typeof d === 'number' && { value: { case: 'dimValue' as const, value: BigInt(d) } }),
    ...(typeof d === 'string' && { value: { case: 'dimParam' as const, value: d } }),
    ...(type.dimDenotations?.[i] && { denotation: type.dimDenotations[i] }),
  }));
  return create(TypeProtoSchema, {
    value: { case: 'tensorType', value: { elemType, ...(dim !== undefined && { shape: { dim } }) } },
    ...(type.denotation !== undefined && { denotation: type.denotation }),
  });
}

/** A negative size and an empty name both mean that nothing is known. */
function readDim({ value }: TensorShapeProto['dim'][number]): Dim {
  if (value.case === 'dimParam') return value.value === '' ? undefined : value.value;
  if (value.case === 'dimValue') return value.value < 0n ? undefined : Number(value.value);
  return undefined;
}
