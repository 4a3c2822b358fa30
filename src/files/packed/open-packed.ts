import { crc32, type EntropyStream, openEntropyStream } from '../../numerics/index.ts';
import { fail } from '../../tensor/index.ts';
import type { ByteSource, Siblings } from '../bytes.ts';
import { safeLocation } from '../safe-location.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors/open-safetensors.ts';
import { rowCountOf, type TensorSource } from '../tensor-source.ts';
import {
  CHECKED_BYTES,
  PACKED_KEY,
  type PackedFile,
  type PackedPart,
  readPackedDescription,
} from './packed-description.ts';

/** A container of files, opened: each reads as if it lay there by itself. */
export interface PackedModel {
  /** The model first. */
  readonly files: readonly ByteSource[];
  /** What the container says of them, and its tensors. */
  readonly described: readonly PackedFile[];
  readonly tensors: SafetensorsFile['tensors'];
  /** The files by name, for what the model names beside itself. */
  readonly siblings: Siblings;
}

/** A run of a file's bytes. */
interface Run {
  readonly start: number;
  readonly end: number;
  read(from: number, to: number): Promise<Uint8Array>;
}

/**
 * Opens the files inside a container, or gives undefined for a safetensors file that holds none. Bytes are decoded
 * when they are read, tensor by tensor; one coded stream is held.
 * @throws packed/malformed, packed/version, safetensors/*; entropy/stream when a damaged tensor is read
 */
export async function openPacked(source: ByteSource): Promise<PackedModel | undefined> {
  const container = await openSafetensors(source);
  const text = container.metadata.get(PACKED_KEY);
  if (text === undefined) return undefined;
  const described = readPackedDescription(text, source.name);
  const files = described.map((file) => packedSource(file, container, source));
  return {
    files,
    described,
    tensors: container.tensors,
    siblings: {
      async open(location) {
        safeLocation(location, source.name);
        const found = files.find(({ name }) => name === location);
        return found ?? fail('file/missing', { path: location });
      },
    },
  };
}

function packedSource(file: PackedFile, container: SafetensorsFile, source: ByteSource): ByteSource {
  const { name, sizeBytes } = file;
  const refuse = (what: string): never => fail('packed/malformed', { file: source.name, what });
  const tensorOf = (tensor: string) =>
    container.tensors.get(tensor) ?? refuse(`the tensor '${tensor}' of '${name}' is missing`);
  const held = holdOne();
  const piece: HeldPiece = {};
  const partBytes = file.parts.reduce((sum, { length }) => sum + length, 0);
  const rest = readerOf(tensorOf(file.rest.tensor), sizeBytes - partBytes, file.rest, held, piece, refuse);
  const runs: Run[] = [];
  let restAt = 0;
  let at = 0;
  const between = (end: number) => {
    if (end <= at) return;
    const shift = restAt - at;
    runs.push({ start: at, end, read: (from, to) => rest(from + shift, to + shift) });
    restAt += end - at;
    at = end;
  };
  for (const part of file.parts) {
    const { tensor, offset, length } = part;
    between(offset);
    const read = readerOf(tensorOf(tensor), length, part, held, piece, refuse);
    runs.push({ start: offset, end: offset + length, read: (from, to) => read(from - offset, to - offset) });
    at = offset + length;
  }
  between(sizeBytes);
  return {
    name,
    size: sizeBytes,
    async read(offset, length) {
      const end = offset + length;
      if (offset < 0 || length < 0 || end > sizeBytes)
        fail('file/out-of-range', { file: name, offset, length, size: sizeBytes });
      const out = new Uint8Array(length);
      for (let i = firstAfter(runs, offset); i < runs.length && runs[i]!.start < end; i++) {
        const run = runs[i]!;
        const from = Math.max(offset, run.start);
        out.set(await run.read(from, Math.min(end, run.end)), from - offset);
      }
      return out;
    },
  };
}

/** The first run that ends past `offset`. */
function firstAfter(runs: readonly Run[], offset: number): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.end > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Opens a stream, or gives the one that was opened last: files are read from the front to the end. */
type Hold = (tensor: TensorSource, open: () => Promise<EntropyStream>) => Promise<EntropyStream>;

function holdOne(): Hold {
  let last: { readonly tensor: TensorSource; readonly stream: Promise<EntropyStream> } | undefined;
  return (tensor, open) => {
    if (last?.tensor !== tensor) last = { tensor, stream: open() };
    return last.stream;
  };
}

/** Reads bytes [from, to) of what a tensor of the container holds. */
function readerOf(
  tensor: TensorSource,
  length: number,
  { coded, crc32: checksums }: Pick<PackedPart, 'coded' | 'crc32'>,
  hold: Hold,
  held: HeldPiece,
  refuse: (what: string) => never,
): (from: number, to: number) => Promise<Uint8Array> {
  const pieces = tensor.pieces!(0, rowCountOf(tensor.shape));
  const stored = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { source, offset } = pieces[0]!;
  if (coded === undefined) {
    if (stored !== length)
      refuse(`the tensor '${tensor.name}' has ${stored} bytes, where ${length} are wanted`);
    return checkedReader({ source, offset, length, checksums: checksums ?? [], held }, (at) =>
      refuse(`bytes ${at} and on of '${tensor.name}' are damaged: their CRC-32 is another`),
    );
  }
  return async (from, to) => {
    const stream = await hold(tensor, async () =>
      openEntropyStream(await source.read(offset, stored), {
        count: length / coded,
        elementBytes: coded,
        name: tensor.name,
      }),
    );
    const first = Math.floor(from / coded);
    const bytes = await stream.decode(first, Math.ceil(to / coded));
    return bytes.subarray(from - first * coded, to - first * coded);
  };
}

/** The piece of a file that was read last, by where it begins in the container. */
interface HeldPiece {
  at?: number;
  bytes?: Uint8Array;
}

interface CheckedBytes {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
  readonly checksums: readonly number[];
  /** One for all readers of a file. */
  readonly held: HeldPiece;
}

/** Reads bytes that are stored as they are, whole pieces of one checksum each; the piece read last is held. */
function checkedReader(
  { source, offset, length, checksums, held }: CheckedBytes,
  refuse: (at: number) => never,
): (from: number, to: number) => Promise<Uint8Array> {
  const pieceOf = async (piece: number): Promise<Uint8Array> => {
    const at = piece * CHECKED_BYTES;
    if (held.bytes && held.at === offset + at) return held.bytes;
    const bytes = await source.read(offset + at, Math.min(CHECKED_BYTES, length - at));
    if (crc32(bytes) !== checksums[piece]) refuse(at);
    Object.assign(held, { at: offset + at, bytes });
    return bytes;
  };
  return async (from, to) => {
    const out = new Uint8Array(to - from);
    for (let piece = Math.floor(from / CHECKED_BYTES); piece * CHECKED_BYTES < to; piece++) {
      const at = piece * CHECKED_BYTES;
      const bytes = await pieceOf(piece);
      out.set(bytes.subarray(Math.max(0, from - at), to - at), Math.max(from, at) - from);
    }
    return out;
  };
}
