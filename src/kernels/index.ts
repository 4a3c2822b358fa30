/**
 * Hot loops in AssemblyScript with SIMD (assembly/). Each has a readable twin that gives the same bits (*.ref.ts)
 * and a host file that moves tiles in and out of its memory (*.wasm.ts).
 */
export * from './affine.ref.ts';
export * from './convert.ref.ts';
export * from './fit-affine.ref.ts';
export * from './fit-centred.ref.ts';
export * from './ggml/block-coder.ts';
export * from './ggml/block-kernels.ts';
export * from './ggml/block-twin.ts';
export * from './ggml/float-coder.ts';
export * from './histogram.ref.ts';
export * from './histogram.wasm.ts';
export * from './kernels.ts';
export * from './levels.ref.ts';
export * from './measure.ref.ts';
export * from './nearest-level.ref.ts';
export * from './nearest-sum.ref.ts';
export * from './nearest-vector.ref.ts';
export * from './power-of-two-float.ts';
export * from './quantize-affine.ref.ts';
export * from './rans.ref.ts';
export * from './rans.wasm.ts';
export * from './small-float.ts';
export * from './uniform-cells.ref.ts';
