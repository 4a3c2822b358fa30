import { plainBytes } from '../../tensor/index.ts';

const encoder = new TextEncoder();

/** Bytes of a header that grow as they are written; little-endian. */
export class HeaderWriter {
  #bytes = new Uint8Array(2 ** 12);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  uint8 = (value: number): void => {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  };
  int8 = (value: number): void => {
    const at = this.#grow(1);
    this.#view.setInt8(at, value);
  };
  uint16 = (value: number): void => {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
  };
  int16 = (value: number): void => {
    const at = this.#grow(2);
    this.#view.setInt16(at, value, true);
  };
  uint32 = (value: number): void => {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  };
  int32 = (value: number): void => {
    const at = this.#grow(4);
    this.#view.setInt32(at, value, true);
  };
  float32 = (value: number): void => {
    const at = this.#grow(4);
    this.#view.setFloat32(at, value, true);
  };
  uint64 = (value: bigint): void => {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
  };
  int64 = (value: bigint): void => {
    const at = this.#grow(8);
    this.#view.setBigInt64(at, value, true);
  };
  float64 = (value: number): void => {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, true);
  };
  bool = (value: boolean): void => this.uint8(value ? 1 : 0);

  /** A count or a length, as a uint64. */
  count = (value: number): void => this.uint64(BigInt(value));

  /** A text after its length in bytes. */
  string = (value: string): void => {
    const at = this.#size;
    // A unit of UTF-16 takes at most three bytes.
    this.#grow(8 + 3 * value.length);
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(at + 8));
    this.#view.setBigUint64(at, BigInt(written), true);
    this.#size = at + 8 + written;
  };

  bytes(given: Uint8Array): void {
    const bytes = plainBytes(given);
    const at = this.#grow(bytes.byteLength);
    this.#bytes.set(bytes, at);
  }

  /** Zeros up to a multiple of `alignment`. */
  pad(alignment: number): void {
    const end = Math.ceil(this.#size / alignment) * alignment;
    this.#grow(end - this.#size);
  }

  /** What was written. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Makes room, zeroed, and gives where it starts. */
  #grow(length: number): number {
    const from = this.#size;
    this.#size += length;
    if (this.#size > this.#bytes.byteLength) {
      const larger = new Uint8Array(Math.max(this.#size, 2 * this.#bytes.byteLength));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return from;
  }
}
