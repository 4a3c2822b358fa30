import type { BlockKernel } from './block-kernels.ts';

export const iq2Kernels = {} as const satisfies Record<string, BlockKernel>;
