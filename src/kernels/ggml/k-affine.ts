import type { BlockKernel } from './block-kernels.ts';

export const kAffineKernels = {} as const satisfies Record<string, BlockKernel>;
