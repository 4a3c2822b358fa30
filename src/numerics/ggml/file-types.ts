import type { BlockFormatName } from './block-formats.ts';
import type { RuleCondition } from './tensor-role.ts';

/** One rule of a mixture: where the condition holds, this type. */
export type TypeRule = readonly [when: RuleCondition, type: BlockFormatName];

/** The parts of a decoder whose types a mixture chooses apart. `value` also stands for fused qkv and for kv_b. */
export type MixtureRole = 'value' | 'key' | 'query' | 'attentionOutput' | 'down' | 'gate' | 'up';

/** A mixture of llama.cpp: the type of most tensors, and of those that differ. */
export interface FileType {
  /** llama_ftype, stored as general.file_type. */
  readonly id: number;
  readonly description: string;
  /** The type of every tensor that no rule names. */
  readonly main: BlockFormatName;
  /** output.weight, or the token embeddings where the model shares them with the output. Default: see `outputType`. */
  readonly output?: BlockFormatName;
  /** Token embeddings that are not shared with the output. Default: `main`. */
  readonly embedding?: BlockFormatName;
  /** By role, first match wins; no match: `main`. */
  readonly rules?: Partial<Readonly<Record<MixtureRole, readonly TypeRule[]>>>;
  /** Rules of the 2-bit family stand alone: the raises below, for 8 experts and 80 layers, are not added to them. */
  readonly alone?: boolean;
  /** Q2_K in this mixture wants an importance matrix too. */
  readonly q2NeedsImportance?: boolean;
}

/** Mixtures of the 1- and 2-bit family: little is left to save, so the parts that matter most get more. */
const twoBit = (raised: BlockFormatName, attentionOutput?: BlockFormatName) =>
  ({
    alone: true,
    output: 'q5_k',
    rules: {
      value: [
        ['4 heads per key or 4 experts', 'q4_k'],
        ['always', raised],
      ],
      key: [['8 experts', 'q4_k']],
      down: [['first eighth of all down tensors', raised]],
      attentionOutput: [
        ['8 experts', 'q5_k'],
        ...(attentionOutput === undefined ? [] : ([['always', attentionOutput]] as const)),
      ],
    },
  }) as const satisfies Partial<FileType>;

/** With 8 experts attention is a small part of the model, so its output gets 5 bits. */
const expertOutput = ['8 experts', 'q5_k'] as const satisfies TypeRule;

/**
 * Every mixture that llama-quantize of llama.cpp v0.5.0 offers, by its name there, smallest first.
 * The choices are those of src/llama-quant.cpp; `planTypes` applies them.
 */
export const fileTypes = {
  IQ1_S: {
    id: 24,
    main: 'iq1_s',
    embedding: 'q2_k',
    ...twoBit('q2_k', 'iq2_xxs'),
    description: '1.56 bits; needs an importance matrix.',
  },
  IQ1_M: {
    id: 31,
    main: 'iq1_m',
    embedding: 'q2_k',
    ...twoBit('q2_k', 'iq2_xxs'),
    description: '1.75 bits; needs an importance matrix.',
  },
  Q1_0: { id: 40, main: 'q1_0', description: 'Signs with a scale; for models trained so.' },
  TQ1_0: {
    id: 36,
    main: 'tq1_0',
    embedding: 'q4_k',
    description: 'Ternary, 1.69 bits; for models trained so.',
  },
  TQ2_0: {
    id: 37,
    main: 'tq2_0',
    embedding: 'q4_k',
    description: 'Ternary, 2.06 bits, faster than TQ1_0; for models trained so.',
  },
  IQ2_XXS: {
    id: 19,
    main: 'iq2_xxs',
    embedding: 'q2_k',
    ...twoBit('q2_k'),
    description: '2.06 bits; needs an importance matrix.',
  },
  Q2_0: { id: 41, main: 'q2_0', embedding: 'q4_k', description: '2.25 bits, a scale per 64 values.' },
  IQ2_XS: {
    id: 20,
    main: 'iq2_xs',
    embedding: 'q2_k',
    ...twoBit('q2_k'),
    description: '2.31 bits; needs an importance matrix.',
  },
  IQ2_S: {
    id: 28,
    main: 'iq2_xs',
    embedding: 'iq3_s',
    ...twoBit('iq3_s', 'iq3_s'),
    description: '2.5 bits; needs an importance matrix.',
  },
  IQ2_M: {
    id: 29,
    main: 'iq2_s',
    embedding: 'iq3_s',
    ...twoBit('iq3_s', 'iq3_s'),
    description: '2.7 bits; needs an importance matrix.',
  },
  Q2_K_S: {
    id: 21,
    main: 'q2_k',
    q2NeedsImportance: true,
    description: '2-bit k-quants; needs an importance matrix.',
    rules: {
      value: [['4 heads per key', 'q4_k']],
      down: [['first eighth', 'q4_k']],
    },
  },
  Q2_K: {
    id: 10,
    main: 'q2_k',
    description: '2-bit k-quants, with 3 bits where it matters.',
    rules: {
      value: [
        ['4 heads per key', 'q4_k'],
        ['always', 'q3_k'],
      ],
      down: [['always', 'q3_k']],
      attentionOutput: [expertOutput, ['not Falcon', 'q3_k']],
    },
  },
  IQ3_XXS: {
    id: 23,
    main: 'iq3_xxs',
    output: 'q5_k',
    embedding: 'iq3_s',
    description: '3.06 bits; needs an importance matrix.',
    rules: {
      value: [
        ['4 heads per key', 'q4_k'],
        ['no importance matrix', 'iq3_s'],
      ],
      key: [['always', 'iq2_s']],
      query: [['always', 'iq2_s']],
      down: [
        ['first eighth, no importance matrix', 'q4_k'],
        ['no importance matrix', 'q3_k'],
      ],
      attentionOutput: [expertOutput, ['not Falcon', 'iq3_s']],
    },
  },
  IQ3_XS: {
    id: 22,
    main: 'iq3_s',
    description: '3.3 bits; needs an importance matrix.',
    rules: {
      value: [['4 heads per key', 'q4_k']],
      key: [['always', 'iq3_xxs']],
      query: [['always', 'iq3_xxs']],
      gate: [['middle layers', 'iq3_xxs']],
      up: [['middle layers', 'iq3_xxs']],
      attentionOutput: [expertOutput],
    },
  },
  Q3_K_S: {
    id: 11,
    main: 'q3_k',
    description: '3-bit k-quants.',
    rules: { attentionOutput: [expertOutput] },
  },
  IQ3_S: {
    id: 26,
    main: 'iq3_s',
    description: '3.44 bits.',
    rules: { value: [['4 heads per key', 'q4_k']], attentionOutput: [expertOutput] },
  },
  IQ3_M: {
    id: 27,
    main: 'iq3_s',
    description: '3.66 bits.',
    rules: {
      value: [['always', 'q4_k']],
      down: [
        ['first eighth', 'q4_k'],
        ['8 experts and more bits', 'q4_k'],
      ],
      attentionOutput: [expertOutput, ['not Falcon', 'q4_k']],
    },
  },
  Q3_K_M: {
    id: 12,
    main: 'q3_k',
    description: '3-bit k-quants, with 4 and 5 bits where it matters.',
    rules: {
      value: [
        ['first 2', 'q5_k'],
        ['always', 'q4_k'],
      ],
      down: [
        ['first sixteenth', 'q5_k'],
        ['not Falcon', 'q4_k'],
        ['more bits', 'q4_k'],
      ],
      attentionOutput: [expertOutput, ['not Falcon', 'q4_k']],
    },
  },
  Q3_K_L: {
    id: 13,
    main: 'q3_k',
    description: '3-bit k-quants, with 5 bits where it matters.',
    rules: {
      value: [['always', 'q5_k']],
      down: [
        ['Falcon', 'q4_k'],
        ['always', 'q5_k'],
      ],
      attentionOutput: [
        ['Falcon', 'q4_k'],
        ['not 8 experts', 'q5_k'],
      ],
    },
  },
  IQ4_XS: {
    id: 30,
    main: 'iq4_xs',
    description: '4.25 bits, uneven levels.',
    rules: {
      value: [['4 heads per key', 'q5_k']],
      down: [['first eighth, no importance matrix', 'q5_k']],
      attentionOutput: [expertOutput],
    },
  },
  IQ4_NL: {
    id: 25,
    main: 'iq4_nl',
    description: '4.5 bits, uneven levels, blocks of 32.',
    rules: {
      value: [['4 heads per key', 'q5_k']],
      down: [['first eighth, no importance matrix', 'q5_k']],
      attentionOutput: [expertOutput],
    },
  },
  Q4_0: {
    id: 2,
    main: 'q4_0',
    description: '4 bits, a scale per 32 values; the fastest to compute on many machines.',
    rules: { down: [['first eighth, importance matrix', 'q4_1']] },
  },
  MXFP4_MOE: {
    id: 38,
    main: 'mxfp4',
    output: 'q8_0',
    description: 'Experts in MXFP4, everything else in Q8_0.',
  },
  Q4_1: { id: 3, main: 'q4_1', description: '4 bits, a scale and a minimum per 32 values.' },
  Q4_K_S: {
    id: 14,
    main: 'q4_k',
    description: '4-bit k-quants.',
    rules: {
      value: [['first 4', 'q5_k']],
      down: [['first eighth, not Falcon', 'q5_k']],
      attentionOutput: [expertOutput],
    },
  },
  Q4_K_M: {
    id: 15,
    main: 'q4_k',
    description: '4-bit k-quants, with 6 bits where it matters: the usual choice.',
    rules: {
      value: [['more bits', 'q6_k']],
      down: [
        ['first sixteenth, Falcon', 'q6_k'],
        ['more bits, Falcon', 'q5_k'],
        ['more bits, not Falcon', 'q6_k'],
      ],
      attentionOutput: [expertOutput],
    },
  },
  Q5_0: {
    id: 8,
    main: 'q5_0',
    description: '5 bits, a scale per 32 values.',
    rules: { down: [['first eighth, importance matrix', 'q5_1']] },
  },
  Q5_1: { id: 9, main: 'q5_1', description: '5 bits, a scale and a minimum per 32 values.' },
  Q5_K_S: { id: 16, main: 'q5_k', description: '5-bit k-quants.' },
  Q5_K_M: {
    id: 17,
    main: 'q5_k',
    description: '5-bit k-quants, with 6 bits where it matters.',
    rules: { value: [['more bits', 'q6_k']], down: [['more bits', 'q6_k']] },
  },
  Q6_K: { id: 18, main: 'q6_k', description: '6-bit k-quants: close to the float model.' },
  Q8_0: {
    id: 7,
    main: 'q8_0',
    description: '8 bits, a scale per 32 values: hard to tell from the float model.',
  },
  F16: { id: 1, main: 'float16', description: 'Half precision.' },
  BF16: { id: 32, main: 'bfloat16', description: 'The upper half of float32.' },
  F32: { id: 0, main: 'float32', description: 'Single precision.' },
} as const satisfies Record<string, FileType>;

/** A row of `fileTypes`. */
export type FileTypeName = keyof typeof fileTypes;

/** Other names that llama-quantize takes. */
export const fileTypeAliases: Readonly<Record<string, FileTypeName>> = {
  Q3_K: 'Q3_K_M',
  Q4_K: 'Q4_K_M',
  Q5_K: 'Q5_K_M',
};
