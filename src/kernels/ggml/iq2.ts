import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-iq2.ts');

/** Eight magnitudes at a time from a grid. */
export const iq2Kernels = {
  iq2_xxs: { values: 256, bytes: 66, module, twin: async () => (await import('./iq2_xxs.ref.ts')).iq2_xxs },
  iq2_xs: { values: 256, bytes: 74, module, twin: async () => (await import('./iq2_xs.ref.ts')).iq2_xs },
  iq2_s: { values: 256, bytes: 82, module, twin: async () => (await import('./iq2_s.ref.ts')).iq2_s },
} as const satisfies Record<string, BlockKernel>;
