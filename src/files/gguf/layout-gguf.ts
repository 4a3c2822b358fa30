import { elementCount, fail } from '../../tensor/index.ts';
import { storedBytes } from '../stored-size.ts';
import type { StoredType } from '../tensor-source.ts';
import { type Metadata, type MetadataValue, metadataTypes } from './gguf.ts';
import { HeaderWriter } from './header-writer.ts';
import { alignmentOf, type GgufVersion } from './open-one.ts';
import { MAX_AXES, shapeFault } from './read-tensors.ts';
import { type GgufTensorType, tensorTypeRow } from './tensor-types.ts';

/** A tensor as it is declared before any of its data exist. A `TensorSource` is one. */
export interface GgufTensorInfo {
  readonly name: string;
  /** Outermost axis first. */
  readonly shape: readonly number[];
  readonly type: StoredType;
}

export interface GgufLayoutOptions {
  /** Default 3. */
  readonly version?: GgufVersion;
  /**
   * Pad the header to the alignment even if there are no tensors: llama.cpp's writer does, the vocabulary files of
   * its Python converter end with the last key. Default false.
   */
  readonly padEmpty?: boolean;
}

/** Where everything of a file lies, known before any data exist. */
export interface GgufLayout {
  /** Everything up to the first tensor's data, its padding included. */
  readonly header: Uint8Array;
  readonly tensors: readonly PlacedTensor[];
  readonly alignment: number;
  /** Of the whole file. */
  readonly sizeBytes: number;
}

export interface PlacedTensor extends GgufTensorInfo {
  /** In the file. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** `sizeBytes` with the zeros after it: the next tensor starts at `offset + paddedBytes`. */
  readonly paddedBytes: number;
}

/** ggml keeps names in 64 bytes that end with a zero. */
const MAX_NAME_BYTES = 63;

/**
 * Lays a file out: the same metadata and tensors give the same bytes as ggml's own writer. The alignment is
 * `general.alignment`, 32 without. Data are padded to it, after the last tensor too.
 * @throws gguf/not-writable
 */
export function layoutGguf(
  metadata: Metadata,
  tensors: readonly GgufTensorInfo[],
  { version = 3, padEmpty = false }: GgufLayoutOptions = {},
): GgufLayout {
  const alignment = alignmentOf(metadata);
  if (typeof alignment === 'string') return refuse('the alignment', `is no good: ${alignment}`);
  const writer = new HeaderWriter();
  writer.bytes(new TextEncoder().encode('GGUF'));
  writer.uint32(version);
  writer.count(tensors.length);
  writer.count(metadata.size);
  for (const [key, value] of metadata) writePair(writer, key, value);
  const names = new Set<string>();
  const sizes: number[] = [];
  let offset = 0;
  for (const tensor of tensors) {
    if (names.has(tensor.name)) refuse(`tensor '${tensor.name}'`, 'is there twice');
    names.add(tensor.name);
    const sizeBytes = writeTensorInfo(writer, tensor, offset);
    sizes.push(sizeBytes);
    offset += padded(sizeBytes, alignment);
  }
  if (tensors.length > 0 || padEmpty) writer.pad(alignment);
  let at = writer.size;
  const placed = tensors.map(({ name, shape, type }, i): PlacedTensor => {
    const sizeBytes = sizes[i]!;
    const paddedBytes = padded(sizeBytes, alignment);
    at += paddedBytes;
    return { name, shape, type, offset: at - paddedBytes, sizeBytes, paddedBytes };
  });
  return { header: writer.finish(), tensors: placed, alignment, sizeBytes: at };
}

const padded = (size: number, alignment: number) => Math.ceil(size / alignment) * alignment;

function refuse(what: string, why: string): never {
  fail('gguf/not-writable', { what, why });
}

function writePair(writer: HeaderWriter, key: string, value: MetadataValue): void {
  if (key === '' || key.includes('\0')) refuse(`key '${key}'`, 'is empty or holds a zero byte');
  writer.string(key);
  writer.uint32(metadataTypes[value.type]);
  writeValue(writer, key, value);
}

function writeValue(writer: HeaderWriter, key: string, value: MetadataValue): void {
  switch (value.type) {
    case 'array':
      writeArray(writer, key, value);
      break;
    case 'string':
      writeString(writer, key, value.value);
      break;
    case 'bool':
      writer.bool(value.value);
      break;
    case 'uint64':
    case 'int64':
      writer[value.type](value.value);
      break;
    default:
      writer[value.type](value.value);
  }
}

function writeString(writer: HeaderWriter, key: string, value: string): void {
  if (/\p{Surrogate}/u.test(value)) refuse(`key '${key}'`, 'holds half a surrogate pair, which UTF-8 cannot');
  writer.string(value);
}

function writeArray(
  writer: HeaderWriter,
  key: string,
  { of, value }: MetadataValue & { type: 'array' },
): void {
  writer.uint32(metadataTypes[of]);
  writer.count(value.length);
  if (ArrayBuffer.isView(value)) {
    writer.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (of === 'string') {
    for (const item of value as readonly string[]) writeString(writer, key, item);
  } else if (of === 'bool') {
    for (const item of value as readonly boolean[]) writer.bool(item);
  } else {
    for (const item of value as readonly MetadataValue[]) writeValue(writer, key, item);
  }
}

function writeTensorInfo(
  writer: HeaderWriter,
  { name, shape, type }: GgufTensorInfo,
  offset: number,
): number {
  const what = `tensor '${name}'`;
  const row = tensorTypeRow(type);
  if (row === undefined) refuse(what, `is ${type}, which GGUF does not have`);
  if (name.includes('\0')) refuse(what, 'has a name with a zero byte');
  const nameBytes = new TextEncoder().encode(name).byteLength;
  if (nameBytes > MAX_NAME_BYTES) {
    refuse(what, `has a name of ${nameBytes} bytes, but ggml keeps at most ${MAX_NAME_BYTES}`);
  }
  if (shape.length > MAX_AXES) refuse(what, `has ${shape.length} axes, but ggml knows at most ${MAX_AXES}`);
  const fault = shapeFault(shape, type as GgufTensorType);
  if (fault !== undefined) refuse(what, fault);
  writer.string(name);
  writer.uint32(shape.length);
  for (const dim of shape.toReversed()) writer.count(dim);
  writer.uint32(row.id);
  writer.count(offset);
  return storedBytes(type, elementCount(shape));
}
