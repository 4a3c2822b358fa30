import { loadKernel } from './kernel-module.ts';
import { type NearestLevelKernel, nearestLevelRef } from './nearest-level.ref.ts';

/** Values per tile. */
const TILE = 1 << 14;
const MAX_LEVELS = 256;
/** Shorter blocks are searched by the twin: moving them costs more. */
const WORTH_IT = 32;

// Memory map in bytes; the first 4096 are the module's own. Sixteen values are read at a time.
const THRESHOLDS = 4096;
const VALUES = THRESHOLDS + MAX_LEVELS * 4;
const CODES = VALUES + (TILE + 16) * 4;
const END = CODES + TILE + 16;

/** The SIMD kernel. */
export async function createNearestLevelKernel(): Promise<NearestLevelKernel> {
  const { wasm } = await import('./generated/nearest-level.ts');
  const { call, memory } = await loadKernel<{
    codes(values: number, n: number, thresholds: number, stride: number, codes: number): void;
  }>(wasm, END);
  const limits = new Float32Array(memory.buffer, THRESHOLDS, MAX_LEVELS);
  const tile = new Float32Array(memory.buffer, VALUES, TILE);
  const found = new Uint8Array(memory.buffer, CODES, TILE);
  return {
    codes(values, { rows, length, block }, thresholds, stride, codes) {
      let at = 0;
      for (let row = 0; row < rows; row++) {
        const end = (row + 1) * length;
        for (let from = row * length; from < end; from += block, at += stride) {
          const to = Math.min(from + block, end);
          const own = thresholds.subarray(at, at + stride);
          if (to - from < WORTH_IT) {
            nearestLevelRef(values.subarray(from, to), own, codes.subarray(from, to));
            continue;
          }
          limits.set(own);
          for (let start = from; start < to; start += TILE) {
            const count = Math.min(TILE, to - start);
            tile.set(values.subarray(start, start + count));
            call.codes(VALUES, count, THRESHOLDS, stride, CODES);
            codes.set(found.subarray(0, count), start);
          }
        }
      }
    },
  };
}
