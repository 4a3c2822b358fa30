import { fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';

/** No real header comes near: vocabularies of 262 k tokens make about 15 MB. */
export const MAX_HEADER_BYTES = 2 ** 28;

/** The first piece that is read, and the largest; each is four times the one before. */
const FIRST_PIECE = 2 ** 16;
const LAST_PIECE = 2 ** 22;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a header from front to back, in growing pieces: what comes after it is not read, and nothing is allocated
 * that the file does not hold. `want` waits for bytes; the others take them.
 * @throws gguf/truncated, gguf/too-large, gguf/malformed
 */
export class HeaderReader {
  readonly file: string;
  readonly #source: ByteSource;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** Of `#bytes` in the file. */
  #start = 0;
  #at = 0;
  #piece = FIRST_PIECE;

  constructor(source: ByteSource) {
    this.#source = source;
    this.file = source.name;
  }

  /** Bytes from the start of the file. */
  get position(): number {
    return this.#start + this.#at;
  }

  /** Bytes of the file that are still to come. */
  get remaining(): number {
    return this.#source.size - this.position;
  }

  /** Bytes that can be taken without waiting. */
  get ready(): number {
    return this.#bytes.byteLength - this.#at;
  }

  /** Waits until `length` bytes can be taken; `what` they are is said when the file ends before. */
  async want(length: number, what: string): Promise<void> {
    if (length <= this.ready) return;
    const { file, position, remaining } = this;
    if (length > remaining) {
      fail('gguf/truncated', { file, what, needed: position + length, size: this.#source.size });
    }
    if (position + length > MAX_HEADER_BYTES) {
      fail('gguf/too-large', {
        file,
        what: 'the header',
        got: position + length,
        limit: MAX_HEADER_BYTES,
      });
    }
    const rest = this.#bytes.subarray(this.#at);
    const more = Math.min(Math.max(length - rest.byteLength, this.#piece), remaining - rest.byteLength);
    const piece = await this.#source.read(position + rest.byteLength, more);
    this.#start = position;
    this.#at = 0;
    this.#bytes = new Uint8Array(rest.byteLength + more);
    this.#bytes.set(rest);
    this.#bytes.set(piece, rest.byteLength);
    this.#view = new DataView(this.#bytes.buffer);
    this.#piece = Math.min(this.#piece * 4, LAST_PIECE);
  }

  uint8 = (): number => this.#view.getUint8(this.#step(1));
  int8 = (): number => this.#view.getInt8(this.#step(1));
  uint16 = (): number => this.#view.getUint16(this.#step(2), true);
  int16 = (): number => this.#view.getInt16(this.#step(2), true);
  uint32 = (): number => this.#view.getUint32(this.#step(4), true);
  int32 = (): number => this.#view.getInt32(this.#step(4), true);
  float32 = (): number => this.#view.getFloat32(this.#step(4), true);
  uint64 = (): bigint => this.#view.getBigUint64(this.#step(8), true);
  int64 = (): bigint => this.#view.getBigInt64(this.#step(8), true);
  float64 = (): number => this.#view.getFloat64(this.#step(8), true);

  /** A count or a length: a uint64 that is compared with what the file holds before anything is done with it. */
  size = (): number => Number(this.uint64());

  /** A copy of the next bytes. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const from = this.#step(length);
    return this.#bytes.slice(from, from + length);
  }

  /** A text after its length, if all of it can be taken without waiting. */
  readyText(what: string): string | undefined {
    if (this.ready < 8) return undefined;
    const length = Number(this.#view.getBigUint64(this.#at, true));
    if (8 + length > this.ready) return undefined;
    this.#at += 8;
    return this.text(length, what);
  }

  /** @throws gguf/malformed for bytes that are no UTF-8 */
  text(length: number, what: string): string {
    const offset = this.position;
    const from = this.#step(length);
    try {
      return utf8.decode(this.#bytes.subarray(from, from + length));
    } catch (cause) {
      fail('gguf/malformed', { file: this.file, offset, what: `${what} is not UTF-8` }, cause);
    }
  }

  #step(length: number): number {
    const from = this.#at;
    this.#at += length;
    return from;
  }
}
