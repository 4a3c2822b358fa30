import {
  type CheckpointLayout,
  eightBitLayout,
  FLOAT8_BLOCK,
  float8Layouts,
  fourBitLayout,
} from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';

/** A folder that other packages load as it is. */
export interface CheckpointTarget {
  /** One sentence for lists. */
  readonly description: string;
  /** Who reads the folder. */
  readonly loadedBy: string;
  readonly bitsPerWeight: number;
  readonly layout: CheckpointLayout;
  /** Whether its loaders take experts of mixtures quantized. */
  readonly experts: boolean;
  /** Why loaders would not read a weight of this shape right; undefined where they do. */
  readonly refuses?: (dims: readonly number[]) => string | undefined;
  /** `quantization_config` of config.json. */
  readonly config: (facts: ConfigFacts) => Readonly<Record<string, unknown>>;
}

export interface ConfigFacts {
  /** Modules that stay as they were. */
  readonly skipped: readonly string[];
  /** 'bfloat16', 'float16' or 'float32'. */
  readonly dtype: string;
}

/**
 * What `BitsAndBytesConfig` of transformers writes, less the threshold of outliers: it must be a float in Python, and
 * its default, 6.0, is meant.
 */
const bitsandbytesConfig = (
  { skipped, dtype }: ConfigFacts,
  own: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> => ({
  bnb_4bit_compute_dtype: dtype,
  bnb_4bit_quant_storage: 'uint8',
  bnb_4bit_quant_type: 'fp4',
  bnb_4bit_use_double_quant: false,
  llm_int8_enable_fp32_cpu_offload: false,
  llm_int8_has_fp16_weight: false,
  llm_int8_skip_modules: skipped,
  load_in_4bit: false,
  load_in_8bit: false,
  quant_method: 'bitsandbytes',
  ...own,
});

const bitsandbytes4 = (kind: 'nf4' | 'fp4', nested: boolean): CheckpointTarget => ({
  description: `bitsandbytes, 4 bits: ${kind.toUpperCase()} in blocks of 64, their scales in ${nested ? '8 bits (double quantization)' : 'float32'}.`,
  loadedBy: 'transformers with bitsandbytes, vLLM',
  bitsPerWeight: 4 + (nested ? 8 / 64 + 32 / (64 * 256) : 32 / 64),
  layout: fourBitLayout(kind, nested),
  experts: false,
  config: (facts) =>
    bitsandbytesConfig(facts, {
      load_in_4bit: true,
      bnb_4bit_quant_type: kind,
      bnb_4bit_use_double_quant: nested,
    }),
});

/** One group of compressed-tensors: weights in E4M3, activations in E4M3 with a scale per token found as they come. */
const compressedTensorsConfig = (
  { skipped }: ConfigFacts,
  strategy: 'tensor' | 'channel',
): Readonly<Record<string, unknown>> => {
  const float8 = { num_bits: 8, type: 'float', symmetric: true, group_size: null, block_structure: null };
  return {
    config_groups: {
      group_0: {
        targets: ['Linear'],
        weights: { ...float8, strategy, dynamic: false, observer: 'minmax' },
        input_activations: { ...float8, strategy: 'token', dynamic: true, observer: null },
        output_activations: null,
      },
    },
    format: 'float-quantized',
    ignore: skipped,
    kv_cache_scheme: null,
    quant_method: 'compressed-tensors',
    quantization_status: 'compressed',
  };
};

const compressed = (strategy: 'tensor' | 'channel', each: string): CheckpointTarget => ({
  description: `8-bit floats (E4M3) with a scale per ${each}; compressed-tensors, activations in 8-bit floats per token.`,
  loadedBy: 'vLLM, transformers with compressed-tensors',
  bitsPerWeight: 8,
  layout: float8Layouts[strategy],
  experts: true,
  config: (facts) => compressedTensorsConfig(facts, strategy),
});

/** A table, so that the command line and the documentation list what there is. */
export const checkpointTargets = {
  'bnb:nf4': bitsandbytes4('nf4', false),
  'bnb:nf4-double': bitsandbytes4('nf4', true),
  'bnb:fp4': bitsandbytes4('fp4', false),
  'bnb:fp4-double': bitsandbytes4('fp4', true),
  'bnb:int8': {
    description: 'bitsandbytes, LLM.int8: a scale per output; activations in 8 bits but for outliers.',
    loadedBy: 'transformers with bitsandbytes, vLLM',
    bitsPerWeight: 8,
    layout: eightBitLayout,
    experts: false,
    config: (facts) => bitsandbytesConfig(facts, { load_in_8bit: true }),
  },
  'fp8:tensor': compressed('tensor', 'tensor'),
  'fp8:channel': compressed('channel', 'output'),
  'fp8:block': {
    description: `8-bit floats (E4M3) with a scale per block of ${FLOAT8_BLOCK} x ${FLOAT8_BLOCK}, as DeepSeek V3 has it.`,
    loadedBy: 'transformers (quant_method fp8), vLLM, SGLang',
    bitsPerWeight: 8,
    layout: float8Layouts.block,
    experts: true,
    refuses: (dims) =>
      dims.some((size) => size % FLOAT8_BLOCK !== 0)
        ? `[${dims.join(', ')}] is no multiple of ${FLOAT8_BLOCK}, and loaders disagree on cut blocks`
        : undefined,
    config: ({ skipped }) => ({
      activation_scheme: 'dynamic',
      fmt: 'e4m3',
      modules_to_not_convert: skipped,
      quant_method: 'fp8',
      weight_block_size: [FLOAT8_BLOCK, FLOAT8_BLOCK],
    }),
  },
} as const satisfies Record<string, CheckpointTarget>;

export type CheckpointTargetName = keyof typeof checkpointTargets;

/** Whether a name of `to` is a checkpoint for other packages: 'bnb:nf4', 'fp8:block'. */
export const isCheckpointTarget = (name: string): boolean => /^(bnb|fp8):/i.test(name.trim());

/**
 * The one target that `to` names; undefined where it names other things.
 * @throws name/unknown, recipe/invalid for several outputs of which one is a checkpoint
 */
export function checkpointTarget(
  to: string | readonly string[],
): { readonly label: CheckpointTargetName; readonly target: CheckpointTarget } | undefined {
  const names = [to].flat().flatMap((text) => text.split(',').map((name) => name.trim()));
  if (!names.some(isCheckpointTarget)) return undefined;
  if (names.length > 1)
    fail('recipe/invalid', {
      problems: [`to: ${names.join(', ')}: ${names.find(isCheckpointTarget)} is made in a run of its own`],
    });
  const label = names[0]!.toLowerCase();
  const known = Object.keys(checkpointTargets) as CheckpointTargetName[];
  const found = known.find((name) => name === label);
  if (found === undefined) return fail('name/unknown', { what: 'checkpoint target', got: names[0]!, known });
  return { label: found, target: checkpointTargets[found] };
}
