import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-legacy.ts');

/** The types with one scale, or a scale and a minimum, per 32 values. */
export const legacyKernels = {
  q4_0: { values: 32, bytes: 18, module, twin: async () => (await import('./q4_0.ref.ts')).q4_0 },
  q4_1: { values: 32, bytes: 20, module, twin: async () => (await import('./q4_1.ref.ts')).q4_1 },
  q5_0: { values: 32, bytes: 22, module, twin: async () => (await import('./q5_0.ref.ts')).q5_0 },
  q5_1: { values: 32, bytes: 24, module, twin: async () => (await import('./q5_1.ref.ts')).q5_1 },
  q8_0: { values: 32, bytes: 34, module, twin: async () => (await import('./q8_0.ref.ts')).q8_0 },
} as const satisfies Record<string, BlockKernel>;
