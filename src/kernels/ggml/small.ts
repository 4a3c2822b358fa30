import type { BlockKernel } from './block-kernels.ts';

export const smallKernels = {} as const satisfies Record<string, BlockKernel>;
