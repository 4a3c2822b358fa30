import type { BlockKernel } from './block-kernels.ts';

export const kKernels = {} as const satisfies Record<string, BlockKernel>;
