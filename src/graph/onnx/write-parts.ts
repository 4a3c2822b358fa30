import { concatenate } from '../../files/index.ts';
import { fail, throwIfAborted } from '../../tensor/index.ts';
import type { Weight } from '../weight.ts';

/** Small pieces are gathered up to this size; big weights are read in pieces of it. */
const CHUNK_BYTES = 8 * 2 ** 20;

/** Takes bytes in order. */
export type Write = (bytes: Uint8Array) => Promise<void>;

export interface WriteOptions {
  /** Called after each chunk with its size. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Writes pieces in order, holding one chunk of one weight at a time. */
export async function writeParts(
  pieces: Iterable<Uint8Array | Weight>,
  write: Write,
  options: WriteOptions = {},
): Promise<void> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  const send = async (bytes: Uint8Array) => {
    throwIfAborted(options.signal);
    await write(bytes);
    options.onBytes?.(bytes.byteLength);
  };
  const flush = async () => {
    if (size === 0) return;
    const whole = concatenate(gathered, size);
    gathered = [];
    size = 0;
    await send(whole);
  };
  const take = async (bytes: Uint8Array) => {
    if (size + bytes.byteLength > CHUNK_BYTES) await flush();
    if (bytes.byteLength >= CHUNK_BYTES) return send(bytes);
    gathered.push(bytes);
    size += bytes.byteLength;
  };
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) await take(piece);
    else for await (const chunk of chunksOf(piece)) await take(chunk);
  }
  await flush();
}

/** @throws tensor/byte-length when a weight gives other than what it announced. */
async function* chunksOf(weight: Weight): AsyncIterable<Uint8Array> {
  const { byteLength, dtype, dims } = weight;
  const step = weight.sliced === true ? CHUNK_BYTES : byteLength;
  for (let offset = 0; offset < byteLength; offset += step) {
    const wanted = Math.min(step, byteLength - offset);
    const bytes = step === byteLength ? await weight.read() : await weight.read(offset, wanted);
    if (bytes.byteLength !== wanted) {
      fail('tensor/byte-length', {
        dtype,
        dims: [...dims],
        got: offset + bytes.byteLength,
        wanted: byteLength,
      });
    }
    yield bytes;
  }
}
