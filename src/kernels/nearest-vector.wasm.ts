import { loadKernel } from './kernel-module.ts';
import { type NearestVectorKernel, nearestVectorReference } from './nearest-vector.ref.ts';

/** Floats per tile. */
const TILE = 1 << 15;
const MAX_ENTRIES = 256;
const MAX_UNIT = 8;

// Memory map in bytes; the first 4096 are the module's own. Four vectors are read at a time.
const BOOK = 4096;
const VECTORS = BOOK + MAX_ENTRIES * MAX_UNIT * 4;
const CODES = VECTORS + (TILE + 4 * MAX_UNIT) * 4;
const END = CODES + TILE + 4;

/** The SIMD kernel. Books of other sizes are searched by the twin, which gives the same codes. */
export async function createNearestVectorKernel(): Promise<NearestVectorKernel> {
  const { wasm } = await import('./generated/nearest-vector.ts');
  const { call, memory } = await loadKernel<{
    nearest(vectors: number, count: number, book: number, entries: number, unit: number, codes: number): void;
  }>(wasm, END);
  const bookAt = new Float32Array(memory.buffer, BOOK, MAX_ENTRIES * MAX_UNIT);
  const tile = new Float32Array(memory.buffer, VECTORS, TILE);
  const found = new Uint8Array(memory.buffer, CODES, TILE);
  return {
    codes(vectors, book, unit, codes) {
      const entries = book.length / unit;
      if (unit > MAX_UNIT || entries > MAX_ENTRIES) {
        nearestVectorReference.codes(vectors, book, unit, codes);
        return;
      }
      bookAt.set(book);
      const step = Math.floor(TILE / unit);
      for (let at = 0; at < codes.length; at += step) {
        const count = Math.min(step, codes.length - at);
        tile.set(vectors.subarray(at * unit, (at + count) * unit));
        call.nearest(VECTORS, count, BOOK, entries, unit, CODES);
        codes.set(found.subarray(0, count), at);
      }
    },
  };
}
