/** Writes a GGUF file field by field, right or wrong, as an attacker would. */
export class GgufBytes {
  readonly #parts: Uint8Array[] = [];

  header(tensors: number | bigint, keys: number | bigint, version = 3): this {
    return this.raw(new TextEncoder().encode('GGUF')).uint32(version).uint64(tensors).uint64(keys);
  }

  tensor(name: string, dims: readonly (number | bigint)[], type: number, offset: number | bigint): this {
    this.text(name).uint32(dims.length);
    for (const dim of dims) this.uint64(dim);
    return this.uint32(type).uint64(offset);
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.uint64(bytes.byteLength).raw(bytes);
  }

  uint8(value: number): this {
    return this.raw([value]);
  }

  uint32(value: number): this {
    return this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  uint64(value: number | bigint): this {
    return this.raw(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  /** Zeros up to a multiple of 32, and so many more. */
  room(length: number): this {
    const size = this.#parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return this.raw(new Uint8Array(Math.ceil(size / 32) * 32 - size + length));
  }

  raw(bytes: Iterable<number>): this {
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}
