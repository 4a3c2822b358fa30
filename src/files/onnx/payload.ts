import { byteLengthOf, type DType, dtypes, elementCount, fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { dataTypes, type TypedField } from './data-types.ts';
import { VARINT_LIMIT } from './wire.ts';

/** A run of bytes in the file that belongs to one data field of a tensor. */
export interface Segment {
  readonly field: 'rawData' | Exclude<TypedField, 'stringData'>;
  readonly offset: number;
  readonly length: number;
  /** The elements alone; otherwise each with its tag before it. */
  readonly packed: boolean;
}

/** Where a tensor's numbers are in the model file. */
export interface Payload {
  readonly segments: readonly Segment[];
  /** The bytes of the only segment, when they are few. */
  readonly inline: Uint8Array | undefined;
}

export interface TensorHead {
  /** How messages name the tensor. */
  readonly name: string;
  readonly dtype: Exclude<DType, 'string'>;
  readonly dims: readonly number[];
}

/** A tensor's bytes as raw_data has them: little-endian, packed. */
export interface TensorBytes {
  readonly byteLength: number;
  /** A range costs only its own bytes. */
  readonly sliced: boolean;
  read(offset?: number, length?: number): Promise<Uint8Array>;
}

/**
 * The bytes of a tensor, wherever the file holds them; typed fields are converted when they are read.
 * @throws onnx/tensor-size when there are not as many as the shape needs
 * @throws onnx/malformed when the data stands in a field that is not for its type
 */
export function payloadBytes(
  source: ByteSource,
  payload: Payload | undefined,
  head: TensorHead,
): TensorBytes {
  const byteLength = byteLengthOf(head.dtype, elementCount(head.dims));
  const segments = payload?.segments ?? [];
  if (segments.length === 0) return rangeBytes(source, 0, sized(source, head, 0, byteLength));
  const { typedField } = dataTypes[head.dtype];
  const field = segments[0]!.field;
  for (const segment of segments) {
    if (segment.field === field && (field === 'rawData' || field === typedField)) continue;
    const what = `tensor '${head.name}' of ${head.dtype} has data in ${segment.field}`;
    fail('onnx/malformed', { file: source.name, offset: segment.offset, what });
  }
  const only = segments.length === 1 ? segments[0]! : undefined;
  const fixed = field !== 'int32Data' && field !== 'int64Data' && field !== 'uint64Data';
  if (only?.packed === true && fixed) {
    sized(source, head, only.length, byteLength);
    if (payload?.inline !== undefined) return memoryBytes(payload.inline);
    return rangeBytes(source, only.offset, byteLength);
  }
  return typedBytes(source, payload!, head, fixed, byteLength);
}

function sized(source: ByteSource, head: TensorHead, got: number, wanted: number): number {
  if (got !== wanted) fail('onnx/tensor-size', { file: source.name, ...headDetails(head), got, wanted });
  return wanted;
}

function headDetails(head: TensorHead) {
  return { tensor: head.name, dtype: head.dtype, dims: [...head.dims] };
}

/** A stretch of a file as a tensor's bytes. */
export function rangeBytes(source: ByteSource, start: number, byteLength: number): TensorBytes {
  return {
    byteLength,
    sliced: true,
    read: (offset = 0, length = byteLength - offset) => source.read(start + offset, length),
  };
}

function memoryBytes(bytes: Uint8Array): TensorBytes {
  return {
    byteLength: bytes.byteLength,
    sliced: true,
    read: async (offset = 0, length = bytes.byteLength - offset) => bytes.subarray(offset, offset + length),
  };
}

/** Typed fields are decoded as a whole. Whether the count is right shows then; a count that cannot be is refused now. */
function typedBytes(
  source: ByteSource,
  payload: Payload,
  head: TensorHead,
  fixed: boolean,
  byteLength: number,
): TensorBytes {
  const unit = unitOf(head.dtype);
  const count = byteLength / unit;
  const stored = payload.segments.reduce((sum, s) => sum + s.length, 0);
  if (count > stored || stored > count * (VARINT_LIMIT + VARINT_LIMIT)) {
    sized(source, head, stored, byteLength);
  }
  const decode = async () => {
    const into = new Uint8Array(byteLength);
    let done = 0;
    for (const segment of payload.segments) {
      const bytes = payload.inline ?? (await source.read(segment.offset, segment.length));
      done = fixed
        ? decodeFixed(
            bytes,
            segment,
            into,
            done,
            head.dtype === 'float64' || head.dtype === 'complex128' ? 8 : 4,
          )
        : decodeVarints(bytes, segment, into, done, unit);
      if (done > byteLength) break;
    }
    sized(source, head, done, byteLength);
    return into;
  };
  if (payload.inline === undefined) {
    return {
      byteLength,
      sliced: false,
      read: async (offset = 0, length = byteLength - offset) =>
        (await decode()).subarray(offset, offset + length),
    };
  }
  return {
    byteLength,
    sliced: true,
    read: async (offset = 0, length = byteLength - offset) =>
      (await decode()).subarray(offset, offset + length),
  };
}

/** Bytes that one entry of the typed field becomes: a packed byte for sub-byte types. */
function unitOf(dtype: Exclude<DType, 'string'>): number {
  return Math.max(1, dtypes[dtype].bits / 8);
}

function decodeFixed(
  bytes: Uint8Array,
  segment: Segment,
  into: Uint8Array,
  start: number,
  width: number,
): number {
  let done = start;
  // An unpacked element has its tag, one byte for these fields, before it.
  const step = segment.packed ? width : width + 1;
  for (let at = step - width; at < bytes.length; at += step) {
    if (done + width <= into.length) into.set(bytes.subarray(at, at + width), done);
    done += width;
  }
  return done;
}

/** Little-endian low bytes of each varint; the sign of a negative number is in its higher bytes. */
function decodeVarints(
  bytes: Uint8Array,
  segment: Segment,
  into: Uint8Array,
  start: number,
  unit: number,
): number {
  let done = start;
  for (let at = 0; at < bytes.length; ) {
    if (!segment.packed) at++;
    let low = 0;
    let high = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++]!;
      const seven = byte & 127;
      if (shift < 28) low |= seven << shift;
      else if (shift === 28) {
        low |= seven << 28;
        high = seven >>> 4;
      } else if (shift < 64) high |= seven << (shift - 32);
      if (byte < 128) break;
    }
    if (done + unit <= into.length) {
      for (let i = 0; i < unit; i++)
        into[done + i] = (i < 4 ? low >>> (8 * i) : high >>> (8 * (i - 4))) & 255;
    }
    done += unit;
  }
  return done;
}
