import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-k-affine.ts');

/** The types of 256 values with scales and minima: x ≈ scale · code - minimum in groups of 16 or 32. */
export const kAffineKernels = {
  q2_k: { values: 256, bytes: 84, module, twin: async () => (await import('./q2_k.ref.ts')).q2_k },
  q4_k: { values: 256, bytes: 144, module, twin: async () => (await import('./q4_k.ref.ts')).q4_k },
  q5_k: { values: 256, bytes: 176, module, twin: async () => (await import('./q5_k.ref.ts')).q5_k },
} as const satisfies Record<string, BlockKernel>;
