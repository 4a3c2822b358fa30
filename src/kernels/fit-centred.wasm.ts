import type { BlockLayout } from './affine.ref.ts';
import { blockPieces } from './block-pieces.ts';
import { type CentredKernel, type CentredSpec, centredReference } from './fit-centred.ref.ts';
import { loadKernel } from './kernel-module.ts';

interface Functions {
  configure(
    isRise: boolean,
    top: number,
    margin: number,
    narrowest: number,
    widest: number,
    rounds: number,
    looks: number,
    passes: number,
    tile: number,
    tileWeights: number,
  ): void;
  fit(values: number, weights: number, scale: number, rows: number, length: number, block: number): void;
}

/** Values per tile: with its scratch in the second-level cache for blocks of usual sizes. */
const TILE = 1 << 16;

// Memory map in bytes. The first 4096 are the module's own.
const VALUES = 4096;
const WEIGHTS = VALUES + TILE * 4;
const SCALE = WEIGHTS + TILE * 4;
const SCRATCH = SCALE + TILE * 4;
const SCRATCH_WEIGHTS = SCRATCH + TILE * 16;
const END = SCRATCH_WEIGHTS + TILE * 16;

/** The SIMD kernel. Blocks longer than a tile are fitted by the twin, which gives the same bits. */
export async function createCentredKernel(): Promise<CentredKernel> {
  const { wasm } = await import('./generated/fit-centred.ts');
  const { call, memory } = await loadKernel<Functions>(wasm, END);
  const floats = new Float32Array(memory.buffer);
  const put = (at: number, from: Float32Array, start: number, count: number) =>
    floats.set(from.subarray(start, start + count), at / 4);

  return {
    fit(
      values: Float32Array,
      weights: Float32Array | undefined,
      layout: BlockLayout,
      spec: CentredSpec,
      scale: Float32Array,
    ) {
      if (Math.min(layout.block, layout.length) > TILE) {
        centredReference.fit(values, weights, layout, spec, scale);
        return;
      }
      const { shape, top, margin, narrowest, widest, rounds, looks, passes } = spec;
      const isRise = shape === 'rise';
      call.configure(isRise, top, margin, narrowest, widest, rounds, looks, passes, SCRATCH, SCRATCH_WEIGHTS);
      for (const { rows, length, block, from, scaleFrom } of blockPieces(layout, TILE)) {
        const size = rows * length;
        const scales = rows * Math.ceil(length / block);
        put(VALUES, values, from, size);
        if (weights) put(WEIGHTS, weights, from, size);
        call.fit(VALUES, weights ? WEIGHTS : 0, SCALE, rows, length, block);
        scale.set(floats.subarray(SCALE / 4, SCALE / 4 + scales), scaleFrom);
      }
    },
  };
}
