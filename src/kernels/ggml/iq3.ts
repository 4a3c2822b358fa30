import type { BlockKernel } from './block-kernels.ts';

export const iq3Kernels = {} as const satisfies Record<string, BlockKernel>;
