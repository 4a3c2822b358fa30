/** Bytes that grow at the end; the length of a nested message is filled in when it is known. */
export class ByteBuilder {
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  /** Leaves room for a length; `close` with the result fills it in. */
  open(): number {
    this.#reserve(LENGTH_BYTES);
    this.#length += LENGTH_BYTES;
    return this.#length;
  }

  /** Writes the length since `open` as a varint of fixed width: longer than need be, which is valid. */
  close(start: number): void {
    let rest = this.#length - start;
    for (let i = 0; i < LENGTH_BYTES; i++) {
      this.#bytes[start - LENGTH_BYTES + i] = (rest & 127) | (i < LENGTH_BYTES - 1 ? 128 : 0);
      rest >>>= 7;
    }
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.max(this.#bytes.byteLength * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Varint bytes of a length below 2^32. */
const LENGTH_BYTES = 5;
