import type { BlockKernel } from './block-kernels.ts';

export const kScaleKernels = {} as const satisfies Record<string, BlockKernel>;
