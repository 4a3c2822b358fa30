import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-iq1.ts');

/** Ternary values, eight at a time from a grid of 2048 points. */
export const iq1Kernels = {
  iq1_s: { values: 256, bytes: 50, module, twin: async () => (await import('./iq1_s.ref.ts')).iq1_s },
  iq1_m: { values: 256, bytes: 56, module, twin: async () => (await import('./iq1_m.ref.ts')).iq1_m },
} as const satisfies Record<string, BlockKernel>;
