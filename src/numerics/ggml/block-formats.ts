import type { BlockKernelName } from '../../kernels/index.ts';

/** What an importance matrix means to a type. */
export type ImportanceUse = 'required' | 'used' | 'ignored';

/** One ggml tensor type. */
export interface BlockFormat {
  /** Its name in llama.cpp. */
  readonly label: string;
  /** ggml_type in a file. */
  readonly id: number;
  /** Values of a block; a row is a whole number of blocks. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** `required`: ggml refuses to encode without. */
  readonly importance: ImportanceUse;
  /** One sentence for reports and `--help`. */
  readonly description: string;
}

/**
 * Every tensor type of ggml as of llama.cpp v0.5.0 that holds weights, by its name in lower case; the plain floats
 * have the names of our element types. Sizes and ids: ggml.h and ggml-common.h.
 */
export const blockFormats = {
  float32: {
    label: 'F32',
    id: 0,
    block: 1,
    bytes: 4,
    importance: 'ignored',
    description: 'Single precision.',
  },
  float16: {
    label: 'F16',
    id: 1,
    block: 1,
    bytes: 2,
    importance: 'ignored',
    description: 'IEEE half precision.',
  },
  bfloat16: {
    label: 'BF16',
    id: 30,
    block: 1,
    bytes: 2,
    importance: 'ignored',
    description: 'The upper half of float32.',
  },
  q4_0: {
    label: 'Q4_0',
    id: 2,
    block: 32,
    bytes: 18,
    importance: 'used',
    description: '4 bits, a scale per 32 values.',
  },
  q4_1: {
    label: 'Q4_1',
    id: 3,
    block: 32,
    bytes: 20,
    importance: 'used',
    description: '4 bits, a scale and a minimum per 32 values.',
  },
  q5_0: {
    label: 'Q5_0',
    id: 6,
    block: 32,
    bytes: 22,
    importance: 'used',
    description: '5 bits, a scale per 32 values.',
  },
  q5_1: {
    label: 'Q5_1',
    id: 7,
    block: 32,
    bytes: 24,
    importance: 'used',
    description: '5 bits, a scale and a minimum per 32 values.',
  },
  q8_0: {
    label: 'Q8_0',
    id: 8,
    block: 32,
    bytes: 34,
    importance: 'ignored',
    description: '8 bits, a scale per 32 values.',
  },
  q2_k: {
    label: 'Q2_K',
    id: 10,
    block: 256,
    bytes: 84,
    importance: 'used',
    description: '2 bits; 4-bit scales and minima of 16 groups of 16.',
  },
  q3_k: {
    label: 'Q3_K',
    id: 11,
    block: 256,
    bytes: 110,
    importance: 'used',
    description: '3 bits; 6-bit scales of 16 groups of 16.',
  },
  q4_k: {
    label: 'Q4_K',
    id: 12,
    block: 256,
    bytes: 144,
    importance: 'used',
    description: '4 bits; 6-bit scales and minima of 8 groups of 32.',
  },
  q5_k: {
    label: 'Q5_K',
    id: 13,
    block: 256,
    bytes: 176,
    importance: 'used',
    description: '5 bits; 6-bit scales and minima of 8 groups of 32.',
  },
  q6_k: {
    label: 'Q6_K',
    id: 14,
    block: 256,
    bytes: 210,
    importance: 'used',
    description: '6 bits; 8-bit scales of 16 groups of 16.',
  },
  iq2_xxs: {
    label: 'IQ2_XXS',
    id: 16,
    block: 256,
    bytes: 66,
    importance: 'required',
    description: '8 values from a grid of 256 points, even sign parity; 4-bit scales of groups of 32.',
  },
  iq2_xs: {
    label: 'IQ2_XS',
    id: 17,
    block: 256,
    bytes: 74,
    importance: 'required',
    description: '8 values from a grid of 512 points, even sign parity; 4-bit scales of groups of 16.',
  },
  iq3_xxs: {
    label: 'IQ3_XXS',
    id: 18,
    block: 256,
    bytes: 98,
    importance: 'used',
    description: '4 values from a grid of 256 points, even sign parity; 4-bit scales of groups of 32.',
  },
  iq1_s: {
    label: 'IQ1_S',
    id: 19,
    block: 256,
    bytes: 50,
    importance: 'required',
    description: '8 ternary values from a grid of 2048 points; 3-bit scales and a shift per 32.',
  },
  iq4_nl: {
    label: 'IQ4_NL',
    id: 20,
    block: 32,
    bytes: 18,
    importance: 'used',
    description: '4 bits, 16 uneven levels, a scale per 32 values.',
  },
  iq3_s: {
    label: 'IQ3_S',
    id: 21,
    block: 256,
    bytes: 110,
    importance: 'used',
    description: '4 values from a grid of 512 points, free signs; 4-bit scales of groups of 32.',
  },
  iq2_s: {
    label: 'IQ2_S',
    id: 22,
    block: 256,
    bytes: 82,
    importance: 'used',
    description: '8 values from a grid of 1024 points, free signs; 4-bit scales of groups of 16.',
  },
  iq4_xs: {
    label: 'IQ4_XS',
    id: 23,
    block: 256,
    bytes: 136,
    importance: 'used',
    description: '4 bits, 16 uneven levels; 6-bit scales of 8 groups of 32.',
  },
  iq1_m: {
    label: 'IQ1_M',
    id: 29,
    block: 256,
    bytes: 56,
    importance: 'used',
    description: '8 ternary values from a grid of 2048 points; 3-bit scales of groups of 16, a shift per 8.',
  },
  tq1_0: {
    label: 'TQ1_0',
    id: 34,
    block: 256,
    bytes: 54,
    importance: 'ignored',
    description: 'Ternary, five values a byte, a scale per 256.',
  },
  tq2_0: {
    label: 'TQ2_0',
    id: 35,
    block: 256,
    bytes: 66,
    importance: 'ignored',
    description: 'Ternary, four values a byte, a scale per 256.',
  },
  mxfp4: {
    label: 'MXFP4',
    id: 39,
    block: 32,
    bytes: 17,
    importance: 'ignored',
    description: 'E2M1 floats with a power-of-two scale per 32 values (OCP MX).',
  },
  nvfp4: {
    label: 'NVFP4',
    id: 40,
    block: 64,
    bytes: 36,
    importance: 'ignored',
    description: 'E2M1 floats with an E4M3 scale per 16 values.',
  },
  q1_0: {
    label: 'Q1_0',
    id: 41,
    block: 128,
    bytes: 18,
    importance: 'ignored',
    description: 'Signs with a scale per 128 values.',
  },
  q2_0: {
    label: 'Q2_0',
    id: 42,
    block: 64,
    bytes: 18,
    importance: 'ignored',
    description: '2 bits, a scale per 64 values.',
  },
} as const satisfies Record<string, BlockFormat>;

/** A row of `blockFormats`. */
export type BlockFormatName = keyof typeof blockFormats;

/** Those that are not floats as they are. */
export type QuantizedBlockName = Exclude<BlockFormatName, 'float32' | 'float16' | 'bfloat16'>;

/** Stored bits per value, scales included. */
export const bitsPerWeight = ({ bytes, block }: BlockFormat): number => (bytes * 8) / block;

// Every type has a kernel and every kernel a type.
true satisfies [BlockKernelName] extends [QuantizedBlockName] ? true : false;
