import type { BlockKernel } from './block-kernels.ts';

const module = () => import('../generated/ggml-small.ts');

/** Signs, ternary values, two bits, and E2M1 floats. */
export const smallKernels = {
  q1_0: { values: 128, bytes: 18, module, twin: async () => (await import('./q1_0.ref.ts')).q1_0 },
  q2_0: { values: 64, bytes: 18, module, twin: async () => (await import('./q2_0.ref.ts')).q2_0 },
  tq1_0: { values: 256, bytes: 54, module, twin: async () => (await import('./tq1_0.ref.ts')).tq1_0 },
  tq2_0: { values: 256, bytes: 66, module, twin: async () => (await import('./tq2_0.ref.ts')).tq2_0 },
  mxfp4: { values: 32, bytes: 17, module, twin: async () => (await import('./mxfp4.ref.ts')).mxfp4 },
  nvfp4: { values: 64, bytes: 36, module, twin: async () => (await import('./nvfp4.ref.ts')).nvfp4 },
} as const satisfies Record<string, BlockKernel>;
