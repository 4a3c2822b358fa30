import type { ByteSource } from '../files/index.ts';
import { fail, LowbitError } from '../tensor/index.ts';

const chunkBytes = 2 ** 16;

/**
 * Compressed bytes as a source. Batches ask forwards, so one pass serves them all; a step back starts
 * again. Nothing is kept but the chunk in hand, and no more is inflated than was asked for.
 */
export function inflatedSource(
  source: ByteSource,
  span: { readonly offset: number; readonly length: number },
  format: 'gzip' | 'deflate-raw',
  size: number,
  name: string,
): ByteSource {
  let stream: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let chunk = new Uint8Array(0);
  let chunkStart = 0;
  let queue: Promise<unknown> = Promise.resolve();

  async function readNow(offset: number, length: number): Promise<Uint8Array> {
    if (stream === undefined || offset < chunkStart) {
      await stream?.cancel().catch(() => {});
      stream = inflate(source, span, format);
      chunk = new Uint8Array(0);
      chunkStart = 0;
    }
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const at = offset + done - chunkStart;
      if (at < chunk.byteLength) {
        const part = chunk.subarray(at, at + length - done);
        out.set(part, done);
        done += part.byteLength;
        continue;
      }
      chunkStart += chunk.byteLength;
      const next = await stream.read().catch((cause) => {
        if (cause instanceof LowbitError) throw cause;
        return fail('data/malformed', { file: name, what: 'its compressed bytes do not inflate' }, cause);
      });
      if (next.value === undefined) {
        fail('data/truncated', { file: name, got: chunkStart, wanted: offset + length });
      }
      chunk = next.value as Uint8Array<ArrayBuffer>;
    }
    return out;
  }

  return {
    name,
    size,
    read(offset, length) {
      const result = queue.then(() => {
        if (offset + length > size)
          fail('data/truncated', { file: name, got: size, wanted: offset + length });
        return readNow(offset, length);
      });
      queue = result.catch(() => {
        stream = undefined;
      });
      return result;
    },
  };
}

function inflate(
  source: ByteSource,
  { offset, length }: { readonly offset: number; readonly length: number },
  format: 'gzip' | 'deflate-raw',
): ReadableStreamDefaultReader<Uint8Array> {
  let at = 0;
  const compressed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const take = Math.min(chunkBytes, length - at);
      if (take > 0) controller.enqueue((await source.read(offset + at, take)) as Uint8Array<ArrayBuffer>);
      at += take;
      if (at === length) controller.close();
    },
  });
  return compressed.pipeThrough(new DecompressionStream(format)).getReader();
}

/** A gzip file by its content; its last four bytes tell the size inflated (modulo 4 GiB). RFC 1952. */
export async function openMaybeGzip(source: ByteSource): Promise<ByteSource> {
  if (source.size < 18) return source;
  const [a, b] = await source.read(0, 2);
  if (a !== 0x1f || b !== 0x8b) return source;
  const size = new DataView((await source.read(source.size - 4, 4)).buffer).getUint32(0, true);
  return inflatedSource(source, { offset: 0, length: source.size }, 'gzip', size, source.name);
}
