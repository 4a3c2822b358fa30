import { create } from '@bufbuild/protobuf';
import { type StringStringEntryProto, StringStringEntryProtoSchema } from '../../files/onnx/index.ts';

/** metadata_props and the like: pairs in file order. */
export function fromEntries(entries: readonly StringStringEntryProto[]): Map<string, string> {
  return new Map(entries.map((e) => [e.key, e.value]));
}

export function toEntries(map: ReadonlyMap<string, string>): StringStringEntryProto[] {
  return [...map].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
}
