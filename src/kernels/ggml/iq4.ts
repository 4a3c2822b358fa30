import type { BlockKernel } from './block-kernels.ts';

export const iq4Kernels = {} as const satisfies Record<string, BlockKernel>;
