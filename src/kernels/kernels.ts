import { type AffineKernel, affineReference } from './affine.ref.ts';
import { createAffineKernel } from './affine.wasm.ts';
import { type ConvertKernel, convertReference } from './convert.ref.ts';
import { createConvertKernel } from './convert.wasm.ts';
import { type CentredKernel, centredReference } from './fit-centred.ref.ts';
import { createCentredKernel } from './fit-centred.wasm.ts';
import { type LevelKernel, levelReference } from './levels.ref.ts';
import { createLevelKernel } from './levels.wasm.ts';
import { type MeasureKernel, measureReference } from './measure.ref.ts';
import { createMeasureKernel } from './measure.wasm.ts';
import { type NearestLevelKernel, nearestLevelReference } from './nearest-level.ref.ts';
import { createNearestLevelKernel } from './nearest-level.wasm.ts';
import { type NearestSumKernel, nearestSumReference } from './nearest-sum.ref.ts';
import { createNearestSumKernel } from './nearest-sum.wasm.ts';
import { type NearestVectorKernel, nearestVectorReference } from './nearest-vector.ref.ts';
import { createNearestVectorKernel } from './nearest-vector.wasm.ts';

/** The hot loops, behind one interface for the SIMD build and the readable one: both give the same bits. */
export interface Kernels {
  readonly affine: AffineKernel;
  readonly centred: CentredKernel;
  readonly convert: ConvertKernel;
  readonly levels: LevelKernel;
  readonly measure: MeasureKernel;
  readonly nearestLevel: NearestLevelKernel;
  readonly nearestSum: NearestSumKernel;
  readonly nearestVector: NearestVectorKernel;
}

export const referenceKernels: Kernels = {
  affine: affineReference,
  centred: centredReference,
  convert: convertReference,
  levels: levelReference,
  measure: measureReference,
  nearestLevel: nearestLevelReference,
  nearestSum: nearestSumReference,
  nearestVector: nearestVectorReference,
};

let loading: Promise<Kernels> | undefined;
let loaded: Kernels = referenceKernels;

/** The SIMD kernels, compiled at the first call and never at import. */
export function kernels(): Promise<Kernels> {
  loading ??= (async () => {
    const [affine, centred, convert, levels, measure, nearestLevel, nearestSum, nearestVector] =
      await Promise.all([
        createAffineKernel(),
        createCentredKernel(),
        createConvertKernel(),
        createLevelKernel(),
        createMeasureKernel(),
        createNearestLevelKernel(),
        createNearestSumKernel(),
        createNearestVectorKernel(),
      ]);
    loaded = { affine, centred, convert, levels, measure, nearestLevel, nearestSum, nearestVector };
    return loaded;
  })();
  return loading;
}

/** What there is now, for callers that cannot wait: the SIMD kernels once compiled, the readable ones before. */
export function kernelsNow(): Kernels {
  return loaded;
}
