/** What the formats of one family have in common. */
export interface FormatFamily {
  /** Short title for the menu. */
  readonly title: string;
  /** What the levels are and where they fit, in one or two sentences. */
  readonly description: string;
  /** Who computes or loads it, in a few words for the menu. */
  readonly runs: string;
  /** Data or statistics that encoding needs beyond the values; 'nothing' else. */
  readonly needs: string;
}

/** Families of number formats; a format names its row. */
export const formatFamilies = {
  integer: {
    title: 'uniform integers',
    description: 'Evenly spaced levels: real = (code - zero) x scale.',
    runs: 'ONNX Runtime (QDQ, MatMulNBits), TFLite, TVM',
    needs: 'nothing',
  },
  'mid-rise': {
    title: 'mid-rise',
    description: 'Evenly spaced levels at half steps: signs are kept, 0 is no level.',
    runs: 'ONNX Runtime by way of Gather',
    needs: 'nothing',
  },
  'dead-zone': {
    title: 'dead zone',
    description:
      'Evenly spaced levels around a cell of 0 twice as wide: many zeros, good for entropy coding.',
    runs: 'ONNX Runtime by way of Gather',
    needs: 'nothing',
  },
  float: {
    title: 'small floats',
    description: 'Sign, exponent and mantissa in 4 to 16 bits: steps grow with the magnitude.',
    runs: 'ONNX Runtime (Cast), vLLM and transformers (fp8)',
    needs: 'nothing',
  },
  'block-float': {
    title: 'block floats',
    description:
      'Small floats or integers in blocks of 16 or 32 that share a scale of 8 bits: OCP Microscaling and NVFP4.',
    runs: 'GPUs with MX or NVFP4 units, llama.cpp (mxfp4, nvfp4); ONNX Runtime by way of Gather',
    needs: 'nothing',
  },
  'normal-float': {
    title: 'normal floats',
    description:
      'Levels at quantiles of the normal distribution: each is used equally often by bell-shaped weights.',
    runs: 'bitsandbytes (nf4), ONNX Runtime by way of Gather',
    needs: 'nothing',
  },
  companded: {
    title: 'companded',
    description: 'Uniform after a logarithm-like curve: fine steps near 0, coarse ones at the peak.',
    runs: 'ONNX Runtime by way of Gather',
    needs: 'nothing',
  },
  logarithmic: {
    title: 'logarithmic',
    description: 'Powers of one base, or sums of powers of two: multiplying is shifting and adding.',
    runs: 'ONNX Runtime by way of Gather; hardware with shifters',
    needs: 'nothing',
  },
  'binary-ternary': {
    title: 'binary and ternary',
    description: 'Only signs, or signs and 0, times one magnitude per block; meant for models trained so.',
    runs: 'ONNX Runtime by way of Gather',
    needs: 'nothing; training with it to keep a model useful',
  },
  bitsandbytes: {
    title: 'tables of bitsandbytes',
    description:
      'Fixed levels that bitsandbytes made: FP4 for weights, the dynamic map for scales of scales and optimizer states.',
    runs: 'bitsandbytes, transformers; ONNX Runtime by way of Gather',
    needs: 'nothing',
  },
  'vector-book': {
    title: 'vector code books',
    description:
      'Two to eight neighbouring values share one code of a learned book: plain, in added stages, or in parts.',
    runs: 'ONNX Runtime by way of Gather',
    needs: 'nothing; importance if there is any',
  },
  'code-book': {
    title: 'learned code books',
    description:
      'Levels learned from the values of each tensor, channel or group: weights share them (k-means, quantiles).',
    runs: 'ONNX Runtime by way of Gather',
    needs: 'nothing; importance if there is any',
  },
} as const satisfies Record<string, FormatFamily>;

/** A row of `formatFamilies`. */
export type FormatFamilyName = keyof typeof formatFamilies;
