import { type RansTable, ransChunk, ransHeadBytes } from '../../kernels/index.ts';
import { fail } from '../../tensor/index.ts';
import {
  type ElementBytes,
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

/** Where the chunks of one plane lie. */
type Plane =
  | { readonly mode: 'raw'; readonly start: number }
  | { readonly mode: 'rans'; readonly table: RansTable; readonly starts: readonly number[] };

/** A stream whose description was checked against its length: any range of elements decodes alone. */
export interface EntropyStream {
  readonly count: number;
  /** Elements of one chunk: what is decoded at a time. */
  readonly chunk: number;
  /**
   * The elements [from, to) as bytes.
   * @throws entropy/stream when a chunk is damaged
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
        if (plane.mode === 'raw') {
          spread(bytes.subarray(plane.start + from, plane.start + to), out, 0, elementBytes, p);
          continue;
        }
        rans.load(plane.table);
        for (let c = Math.floor(from / ransChunk); c * ransChunk < to; c++) {
          const first = c * ransChunk;
          const codes = decoded.subarray(0, Math.min(ransChunk, count - first));
          if (!rans.decode(bytes.subarray(plane.starts[c]!, plane.starts[c + 1]!), codes)) {
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
  if (headEnd > bytes.length) return refuse('it ends before its first chunk');

  const chunks = Math.ceil(count / ransChunk);
  const planes: Plane[] = [];
  let at = streamHeadBytes;
  let body = headEnd;
  for (let p = 0; p < elementBytes; p++) {
    const mode = at < headEnd ? bytes[at++] : undefined;
    if (mode === planeModes.raw) {
      planes.push({ mode: 'raw', start: body });
      body += count;
      continue;
    }
    if (mode !== planeModes.rans) return refuse(`plane ${p} is stored in a way that is not known`);
    const read = readTable(bytes.subarray(0, headEnd), at);
    if ('why' in read) return refuse(read.why);
    at = read.end;
    if (at + 4 * chunks > headEnd)
      return refuse(`it does not say how long the ${chunks} chunks of plane ${p} are`);
    const starts = [body];
    for (let c = 0; c < chunks; c++, at += 4) {
      const length = view.getUint32(at, true);
      const codes = Math.min(ransChunk, count - c * ransChunk);
      if (length < ransHeadBytes || length > ransHeadBytes + 2 * codes)
        return refuse(`chunk ${c} of plane ${p} has ${length} bytes, which ${codes} codes never take`);
      body += length;
      starts.push(body);
    }
    planes.push({ mode: 'rans', table: read.table, starts });
  }
  if (at !== headEnd || body !== bytes.length)
    return refuse(`it has ${bytes.length} bytes, and describes ${body + headEnd - at}`);
  return planes;
}
