import { type RansTable, ransChunk, ransHeadBytes } from '../../kernels/index.ts';
import { fail } from '../../tensor/index.ts';
import { crc32 } from './crc32.ts';
import {
  type ElementBytes,
  headChecksumAt,
  planeModes,
  ransKernel,
  streamHeadBytes,
  streamVersion,
} from './entropy-encode.ts';
import { readTable } from './table-bytes.ts';

/** What a stream must hold: this is known from elsewhere, a tensor's shape, and never taken from the stream. */
export interface EntropyExpected {
  /** Elements. */
  readonly count: number;
  readonly elementBytes: ElementBytes;
  /** For error messages. */
  readonly name?: string;
}

/** Where the chunks of one plane lie, [chunks + 1], and their checksums; they are raw where there is no table. */
interface Plane {
  readonly table?: RansTable;
  readonly starts: readonly number[];
  readonly checksums: readonly number[];
}

/** A stream whose description was checked against its length: any range of elements decodes alone. */
export interface EntropyStream {
  readonly count: number;
  /** Elements of one chunk: what is decoded at a time. */
  readonly chunk: number;
  /**
   * The elements [from, to) as bytes.
   * @throws entropy/stream when a chunk is damaged, by its checksum
   */
  decode(from: number, to: number): Promise<Uint8Array>;
}

/**
 * Decodes the whole of a stream.
 * @throws entropy/stream when the stream is not whole, or does not hold what is expected; before memory is taken
 *   for what it announces
 */
export async function entropyDecode(bytes: Uint8Array, expected: EntropyExpected): Promise<Uint8Array> {
  const stream = openEntropyStream(bytes, expected);
  return stream.decode(0, stream.count);
}

/** Checks a stream's description. @throws entropy/stream */
export function openEntropyStream(bytes: Uint8Array, expected: EntropyExpected): EntropyStream {
  const { count, elementBytes, name = 'codes' } = expected;
  const refuse = (what: string): never => fail('entropy/stream', { name, what });
  const planes = readPlanes(bytes, expected, refuse);
  return {
    count,
    chunk: ransChunk,
    async decode(from, to) {
      const rans = await ransKernel();
      const out = new Uint8Array((to - from) * elementBytes);
      const decoded = new Uint8Array(Math.min(ransChunk, count));
      for (const [p, plane] of planes.entries()) {
        if (plane.table) rans.load(plane.table);
        for (let c = Math.floor(from / ransChunk); c * ransChunk < to; c++) {
          const first = c * ransChunk;
          const chunk = bytes.subarray(plane.starts[c]!, plane.starts[c + 1]!);
          const got = crc32(chunk);
          const wanted = plane.checksums[c]!;
          if (got !== wanted) {
            refuse(
              `chunk ${c} of plane ${p} is damaged: its CRC-32 is ${hex(got)}, where ${hex(wanted)} is wanted`,
            );
          }
          const codes = plane.table ? decoded.subarray(0, Math.min(ransChunk, count - first)) : chunk;
          if (plane.table && !rans.decode(chunk, codes)) {
            refuse(`chunk ${c} of plane ${p} is damaged`);
          }
          const part = codes.subarray(Math.max(0, from - first), to - first);
          spread(part, out, Math.max(first, from) - from, elementBytes, p);
        }
      }
      return out;
    },
  };
}

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

/** Puts the bytes of one plane where they belong, from element `at` on. */
function spread(plane: Uint8Array, out: Uint8Array, at: number, elementBytes: number, p: number): void {
  if (elementBytes === 1) out.set(plane, at);
  else
    for (let i = 0, to = at * elementBytes + p; i < plane.length; i++, to += elementBytes)
      out[to] = plane[i]!;
}

function readPlanes(
  bytes: Uint8Array,
  { count, elementBytes }: EntropyExpected,
  refuse: (what: string) => never,
): Plane[] {
  if (bytes.length < streamHeadBytes) return refuse(`it has ${bytes.length} bytes, fewer than its head`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [version, planeCount] = bytes;
  if (version !== streamVersion) return refuse(`its version is ${version}, and ${streamVersion} is known`);
  if (planeCount !== elementBytes) {
    return refuse(`its elements have ${planeCount} bytes, where ${elementBytes} are expected`);
  }
  if (view.getUint16(2, true) !== 0 || view.getUint32(4, true) !== ransChunk)
    return refuse('its head is malformed');
  const got = view.getBigUint64(8, true);
  if (got !== BigInt(count)) return refuse(`it has ${got} elements, where ${count} are expected`);
  const headEnd = view.getUint32(16, true);
  if (headEnd < streamHeadBytes || headEnd > bytes.length) return refuse('it ends before its first chunk');
  const head = bytes.slice(0, headEnd);
  head.fill(0, headChecksumAt, headChecksumAt + 4);
  if (crc32(head) !== view.getUint32(headChecksumAt, true))
    return refuse('the CRC-32 of its description is another');

  const chunks = Math.ceil(count / ransChunk);
  const planes: Plane[] = [];
  let at = streamHeadBytes;
  let body = headEnd;
  for (let p = 0; p < elementBytes; p++) {
    const mode = at < headEnd ? bytes[at++] : undefined;
    if (mode !== planeModes.raw && mode !== planeModes.rans)
      return refuse(`plane ${p} is stored in a way that is not known`);
    const read = mode === planeModes.rans ? readTable(head, at) : { table: undefined, end: at };
    if ('why' in read) return refuse(read.why);
    const { table } = read;
    at = read.end;
    if (at + (table ? 8 : 4) * chunks > headEnd)
      return refuse(`it does not describe the ${chunks} chunks of plane ${p}`);
    const starts = [body];
    const checksums: number[] = [];
    for (let c = 0; c < chunks; c++) {
      const codes = Math.min(ransChunk, count - c * ransChunk);
      let length = codes;
      if (table) {
        length = view.getUint32(at, true);
        at += 4;
        if (length < ransHeadBytes || length > ransHeadBytes + 2 * codes)
          return refuse(`chunk ${c} of plane ${p} has ${length} bytes, which ${codes} codes never take`);
      }
      body += length;
      starts.push(body);
      checksums.push(view.getUint32(at, true));
      at += 4;
    }
    planes.push({ ...(table && { table }), starts, checksums });
  }
  if (at !== headEnd || body !== bytes.length)
    return refuse(`it has ${bytes.length} bytes, and describes ${body + headEnd - at}`);
  return planes;
}
