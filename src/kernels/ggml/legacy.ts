import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-legacy.ts');

/** The types with one scale, or a scale and a minimum, per 32 values. */
export const legacyKernels = {
  q8_0: { values: 32, bytes: 34, module, twin: async () => (await import('./q8_0.ref.ts')).q8_0 },
} as const satisfies Record<string, BlockKernel>;
