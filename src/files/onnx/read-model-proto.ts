import { fromBinary, type Message } from '@bufbuild/protobuf';
import { fail, LowbitError } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { type ModelProto, ModelProtoSchema, type TensorProto } from './generated/onnx_pb.ts';
import type { Payload } from './payload.ts';
import { PAYLOAD_FIELD, readSkeleton } from './skeleton.ts';

/** A model file in messages, tensors without their data; `payloadOf` says where a tensor's data is. */
export interface ModelFile {
  readonly source: ByteSource;
  readonly proto: ModelProto;
  payloadOf(tensor: TensorProto): Payload | undefined;
}

/** Other containers that people hold for ONNX, by their first bytes. */
const foreign: readonly { readonly magic: string; readonly at: number; readonly what: string }[] = [
  { magic: 'GGUF', at: 0, what: 'it is a GGUF file' },
  { magic: 'PK\u0003\u0004', at: 0, what: 'it is a zip archive (a PyTorch checkpoint?)' },
  { magic: 'TFL3', at: 4, what: 'it is a TensorFlow Lite file' },
  { magic: 'ORTM', at: 4, what: 'it is in the ORT format' },
  { magic: '\u0089HDF', at: 0, what: 'it is an HDF5 file' },
  { magic: '{"', at: 8, what: 'it is a safetensors file' },
  { magic: 'version https://git-lfs', at: 0, what: 'it is a Git LFS pointer: fetch the file itself' },
  { magic: '<', at: 0, what: 'it is a web page or XML' },
];

/**
 * Reads the structure of an ONNX file; tensor data stays in the source.
 * @throws onnx/not-onnx, onnx/truncated, onnx/malformed, onnx/too-deep, onnx/too-many
 */
export async function readModelProto(source: ByteSource): Promise<ModelFile> {
  const head = await source.read(0, Math.min(32, source.size));
  const text = String.fromCharCode(...head);
  const other = foreign.find(({ magic, at }) => text.startsWith(magic, at));
  if (other !== undefined) fail('onnx/not-onnx', { file: source.name, why: other.what });
  const skeleton = await readSkeleton(source);
  const proto = decode(source.name, skeleton.proto);
  if (proto.graph === undefined || proto.irVersion === 0n) {
    const missing = proto.graph === undefined ? 'graph' : 'IR version';
    fail('onnx/not-onnx', { file: source.name, why: `it has no ${missing}` });
  }
  return { source, proto, payloadOf: (tensor) => payloadOf(tensor, skeleton.payloads) };
}

function decode(file: string, bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    if (error instanceof LowbitError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    return fail('onnx/malformed', { file, offset: 0, what }, error);
  }
}

function payloadOf(tensor: TensorProto, payloads: readonly Payload[]): Payload | undefined {
  const field = (tensor as Message).$unknown?.find((f) => f.no === PAYLOAD_FIELD);
  if (field === undefined) return undefined;
  let index = 0;
  for (const [i, byte] of field.data.entries()) index += (byte & 127) * 128 ** i;
  return payloads[index];
}
