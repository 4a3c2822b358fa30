import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-k-scale.ts');

/** The types with a scale per super-block of 256 values and a whole step of it per sub-block of 16. */
export const kScaleKernels = {
  q3_k: { values: 256, bytes: 110, module, twin: async () => (await import('./q3_k.ref.ts')).q3_k },
  q6_k: { values: 256, bytes: 210, module, twin: async () => (await import('./q6_k.ref.ts')).q6_k },
} as const satisfies Record<string, BlockKernel>;
