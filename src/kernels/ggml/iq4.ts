import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-iq4.ts');

/** The types with 16 levels that are denser near zero. */
export const iq4Kernels = {
  iq4_nl: { values: 32, bytes: 18, module, twin: async () => (await import('./iq4_nl.ref.ts')).iq4_nl },
  iq4_xs: { values: 256, bytes: 136, module, twin: async () => (await import('./iq4_xs.ref.ts')).iq4_xs },
} as const satisfies Record<string, BlockKernel>;
