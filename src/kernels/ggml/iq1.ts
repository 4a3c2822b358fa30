import type { BlockKernel } from './block-kernels.ts';

export const iq1Kernels = {} as const satisfies Record<string, BlockKernel>;
