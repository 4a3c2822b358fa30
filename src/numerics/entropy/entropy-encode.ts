import { createRansKernel, type RansKernel, ransChunk } from '../../kernels/index.ts';
import type { Codes } from '../quantized-tensor.ts';
import { crc32 } from './crc32.ts';
import { chooseTable } from './fit-table.ts';
import { countBytes, countCodes, entropyBits } from './symbol-counts.ts';
import { writeTable } from './table-bytes.ts';

/** Bytes of one element: each becomes a plane of its own, because they are spread differently. */
export type ElementBytes = 1 | 2 | 4 | 8;

/** What was encoded. */
export interface EntropyCoded {
  /** A stream that `entropyDecode` reads; its length tells the true bits. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** 8 x the length of the stream / count. */
  readonly bitsPerElement: number;
  /** Of the elements; of their planes together where elements are wider than 16 bits. Bits per element. */
  readonly entropyBits: number;
}

/** What a stream begins with; the layout is in docs/entropy.md. */
export const streamVersion = 1;
/** Version, planes, 2 zeros, codes per chunk (4), elements (8), bytes before the chunks (4), their CRC-32 (4). */
export const streamHeadBytes = 24;
/** Where the CRC-32 of what comes before the chunks is; it is of these bytes with zeros in its own place. */
export const headChecksumAt = 20;
/** How a plane is stored. */
export const planeModes = { raw: 0, rans: 1 } as const;

let kernel: Promise<RansKernel> | undefined;

/** The kernel of this thread. Its work is synchronous from `load` to the last chunk, so all may share it. */
export function ransKernel(): Promise<RansKernel> {
  kernel ??= createRansKernel();
  return kernel;
}

/**
 * Entropy-codes elements of `elementBytes` each, little-endian: one table per byte plane, chunks that decode alone.
 * A plane that would not shrink is stored as it is. Every chunk has a CRC-32, and so has what describes them.
 */
export async function entropyEncodeBytes(
  elements: Uint8Array,
  elementBytes: ElementBytes,
): Promise<EntropyCoded> {
  const rans = await ransKernel();
  const count = elements.length / elementBytes;
  const heads: Uint8Array[] = [];
  const bodies: Uint8Array[] = [];
  let planesBits = 0;
  for (let p = 0; p < elementBytes; p++) {
    const plane = planeOf(elements, elementBytes, p);
    const counts = countBytes(plane);
    planesBits += entropyBits(counts);
    const coded = codePlane(rans, plane, counts);
    heads.push(...coded.head);
    bodies.push(...coded.body);
  }
  const bytes = assemble(elementBytes, count, heads, bodies);
  return {
    bytes,
    count,
    bitsPerElement: count === 0 ? 0 : (8 * bytes.length) / count,
    entropyBits: elementBytes === 2 ? entropyBits(countCodes(wordsOf(elements))) : planesBits,
  };
}

/** Entropy-codes codes, one element each: codes of up to 8 bits are one plane, wider ones two. */
export async function entropyEncode(codes: Codes): Promise<EntropyCoded> {
  const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
  return entropyEncodeBytes(bytes, codes.BYTES_PER_ELEMENT as 1 | 2);
}

/** 16-bit elements, wherever they lie. */
function wordsOf(elements: Uint8Array): Uint16Array {
  const aligned = elements.byteOffset % 2 === 0 ? elements : elements.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

/** Byte `p` of every element. */
function planeOf(elements: Uint8Array, elementBytes: number, p: number): Uint8Array {
  if (elementBytes === 1) return elements;
  const plane = new Uint8Array(elements.length / elementBytes);
  for (let i = 0, at = p; i < plane.length; i++, at += elementBytes) plane[i] = elements[at]!;
  return plane;
}

interface CodedPlane {
  readonly head: readonly Uint8Array[];
  readonly body: readonly Uint8Array[];
}

function codePlane(rans: RansKernel, plane: Uint8Array, counts: Float64Array): CodedPlane {
  const chunks: Uint8Array[] = [];
  for (let from = 0; from < plane.length; from += ransChunk)
    chunks.push(plane.subarray(from, from + ransChunk));
  const raw: CodedPlane = {
    head: [Uint8Array.of(planeModes.raw), words(chunks.map((chunk) => crc32(chunk)))],
    body: chunks,
  };
  if (plane.length === 0) return raw;
  const { table } = chooseTable(counts, (of) => writeTable(of).length);
  rans.load(table);
  const body = chunks.map((chunk) => rans.encode(chunk));
  const told = words(body.flatMap((chunk) => [chunk.length, crc32(chunk)]));
  const coded: CodedPlane = { head: [Uint8Array.of(planeModes.rans), writeTable(table), told], body };
  return sizeOf(coded) < sizeOf(raw) ? coded : raw;
}

const sizeOf = ({ head, body }: CodedPlane): number =>
  [...head, ...body].reduce((sum, { length }) => sum + length, 0);

/** 32 bits each, little-endian. */
function words(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}

function assemble(
  planes: number,
  count: number,
  heads: readonly Uint8Array[],
  bodies: readonly Uint8Array[],
): Uint8Array {
  const headBytes = heads.reduce((sum, { length }) => sum + length, streamHeadBytes);
  const bytes = new Uint8Array(bodies.reduce((sum, { length }) => sum + length, headBytes));
  const view = new DataView(bytes.buffer);
  bytes[0] = streamVersion;
  bytes[1] = planes;
  view.setUint32(4, ransChunk, true);
  view.setBigUint64(8, BigInt(count), true);
  view.setUint32(16, headBytes, true);
  let at = streamHeadBytes;
  for (const part of [...heads, ...bodies]) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(headChecksumAt, crc32(bytes.subarray(0, headBytes)), true);
  return bytes;
}
