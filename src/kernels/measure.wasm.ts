import { loadKernel } from './kernel-module.ts';
import { type MeasureKernel, sumOfFour } from './measure.ref.ts';

/** Values per tile; a multiple of 4, so that tiles keep the order of the partial sums. */
const TILE = 1 << 14;
const SUMS = 4096;
const A = SUMS + 64;
const B = A + TILE * 4;
const END = B + TILE * 4;

/** The SIMD kernel. */
export async function createMeasureKernel(): Promise<MeasureKernel> {
  const { wasm } = await import('./generated/measure.ts');
  const { call, memory } = await loadKernel<{ squares(a: number, b: number, n: number, to: number): void }>(
    wasm,
    END,
  );
  const sums = new Float64Array(memory.buffer, SUMS, 8);
  const tileA = new Float32Array(memory.buffer, A, TILE);
  const tileB = new Float32Array(memory.buffer, B, TILE);
  return {
    squares(a, b) {
      sums.fill(0);
      for (let at = 0; at < a.length; at += TILE) {
        tileA.set(a.subarray(at, at + TILE));
        tileB.set(b.subarray(at, at + TILE));
        call.squares(A, B, Math.min(TILE, a.length - at), SUMS);
      }
      return { signal: sumOfFour(sums, 0), noise: sumOfFour(sums, 4) };
    },
  };
}
