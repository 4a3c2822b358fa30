import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-iq3.ts');

/** Four magnitudes at a time from a grid. */
export const iq3Kernels = {
  iq3_xxs: { values: 256, bytes: 98, module, twin: async () => (await import('./iq3_xxs.ref.ts')).iq3_xxs },
  iq3_s: { values: 256, bytes: 110, module, twin: async () => (await import('./iq3_s.ref.ts')).iq3_s },
} as const satisfies Record<string, BlockKernel>;
