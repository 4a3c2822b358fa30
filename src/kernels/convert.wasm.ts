import type { ConvertKernel } from './convert.ref.ts';
import { loadKernel } from './kernel-module.ts';

interface Functions {
  encodeFloat16(from: number, to: number, count: number, saturate: boolean): void;
  encodeBfloat16(from: number, to: number, count: number, saturate: boolean): void;
  decodeFloat16(from: number, to: number, count: number): void;
  decodeBfloat16(from: number, to: number, count: number): void;
  packNibbles(from: number, to: number, count: number): void;
}

type Numbers = Float32Array | Uint16Array | Uint8Array | Int8Array;

/** Bytes of a tile on each side: both stay in the first two cache levels. */
const TILE_BYTES = 1 << 17;
const FROM = 4096;
// A vector of room behind each side: kernels read and write whole vectors.
const TO = FROM + TILE_BYTES + 32;
const END = TO + TILE_BYTES + 32;

/** The SIMD kernel. */
export async function createConvertKernel(): Promise<ConvertKernel> {
  const { wasm } = await import('./generated/convert.ts');
  const { call, memory } = await loadKernel<Functions>(wasm, END);
  const bytes = new Uint8Array(memory.buffer);

  /** Moves `from` through the memory a tile at a time; `ratio` values in give one out. */
  const tiled = (from: Numbers, to: Numbers, ratio: number, run: (count: number) => void) => {
    const step = TILE_BYTES / 4;
    const input = bytesOf(from);
    const output = bytesOf(to);
    for (let at = 0; at < from.length; at += step) {
      const count = Math.min(step, from.length - at);
      const first = at * from.BYTES_PER_ELEMENT;
      const size = count * from.BYTES_PER_ELEMENT;
      bytes.set(input.subarray(first, first + size), FROM);
      bytes.fill(0, FROM + size, FROM + size + 32);
      run(count);
      const target = (at / ratio) * to.BYTES_PER_ELEMENT;
      const written = Math.ceil(count / ratio) * to.BYTES_PER_ELEMENT;
      output.set(bytes.subarray(TO, TO + written), target);
    }
  };

  return {
    encodeFloat16: (from, to, saturate) =>
      tiled(from, to, 1, (n) => call.encodeFloat16(FROM, TO, n, saturate)),
    encodeBfloat16: (from, to, saturate) =>
      tiled(from, to, 1, (n) => call.encodeBfloat16(FROM, TO, n, saturate)),
    decodeFloat16: (from, to) => tiled(from, to, 1, (n) => call.decodeFloat16(FROM, TO, n)),
    decodeBfloat16: (from, to) => tiled(from, to, 1, (n) => call.decodeBfloat16(FROM, TO, n)),
    packNibbles: (from, to) => tiled(from, to, 2, (n) => call.packNibbles(FROM, TO, n)),
  };
}

const bytesOf = (array: Numbers) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
