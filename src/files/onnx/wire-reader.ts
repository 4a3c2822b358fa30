import { fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { VARINT_LIMIT } from './wire.ts';

/** Bytes read ahead. Small, because big fields are skipped and would waste what was read after them. */
const WINDOW_BYTES = 64 * 1024;

/**
 * A cursor over a source that may be larger than memory. Reads go through one window; `fill` loads it,
 * and everything else works on what is loaded.
 */
export class WireReader {
  readonly source: ByteSource;
  position = 0;
  #window: Uint8Array = new Uint8Array(0);
  #base = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** Makes the next `length` bytes (fewer at the end of the file) available. */
  async fill(length: number): Promise<void> {
    if (this.has(length)) return;
    const size = Math.min(Math.max(length, WINDOW_BYTES), this.source.size - this.position);
    this.#window = await this.source.read(this.position, size);
    this.#base = this.position;
  }

  /** Whether the next `length` bytes, or all that are left, are loaded. */
  has(length: number): boolean {
    const until = Math.min(this.position + length, this.source.size);
    return this.position >= this.#base && until <= this.#base + this.#window.byteLength;
  }

  /** A varint that must be at most 2^53 and end before `end`. */
  varint(end: number, what: string): number {
    const start = this.position;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < VARINT_LIMIT; i++) {
      if (this.position >= end) return this.#bad(start, `${what} runs over the end of its message`);
      const byte = this.#window[this.position++ - this.#base]!;
      value += (byte & 127) * scale;
      if (byte < 128) {
        return value <= Number.MAX_SAFE_INTEGER ? value : this.#bad(start, `${what} is ${value}`);
      }
      scale *= 128;
    }
    return this.#bad(start, `${what} is a number of more than ${VARINT_LIMIT} bytes`);
  }

  /** Skips a varint value of any 64 bits. */
  skipVarint(end: number): void {
    const start = this.position;
    for (let i = 0; i < VARINT_LIMIT; i++) {
      if (this.position >= end) this.#bad(start, 'a number runs over the end of its message');
      if (this.#window[this.position++ - this.#base]! < 128) return;
    }
    this.#bad(start, `a number has more than ${VARINT_LIMIT} bytes`);
  }

  /** Bytes [from, to) out of the window when they are there, else from the source. */
  async bytes(from: number, to: number): Promise<Uint8Array> {
    if (from >= this.#base && to <= this.#base + this.#window.byteLength) {
      return this.#window.subarray(from - this.#base, to - this.#base);
    }
    return this.source.read(from, to - from);
  }

  #bad(offset: number, what: string): never {
    return fail('onnx/malformed', { file: this.source.name, offset, what });
  }
}
