import type { BlockTwin } from './block-twin.ts';
import { iq1Kernels } from './iq1.ts';
import { iq2Kernels } from './iq2.ts';
import { iq3Kernels } from './iq3.ts';
import { iq4Kernels } from './iq4.ts';
import { kAffineKernels } from './k-affine.ts';
import { kScaleKernels } from './k-scale.ts';
import { legacyKernels } from './legacy.ts';
import { smallKernels } from './small.ts';

/** Where the code of one ggml type is. */
export interface BlockKernel {
  /** Values of a block. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Embedded WebAssembly of its family; it exports encode_<name> and decode_<name>. */
  readonly module: () => Promise<{ readonly wasm: string }>;
  readonly twin: () => Promise<BlockTwin>;
}

/** Every ggml type that has blocks, by its name in lower case. */
export const blockKernels = {
  ...legacyKernels,
  ...smallKernels,
  ...kAffineKernels,
  ...kScaleKernels,
  ...iq4Kernels,
  ...iq3Kernels,
  ...iq2Kernels,
  ...iq1Kernels,
} as const satisfies Record<string, BlockKernel>;

/** The names of ggml's types that have blocks; the compiler wants a row for each. */
export type BlockKernelName = keyof typeof blockKernels;
