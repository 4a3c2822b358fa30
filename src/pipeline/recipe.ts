import { z } from 'zod';
import type { Dataset, DatasetSpec } from '../data/index.ts';
import type { ByteSource, Siblings, SinkFolder } from '../files/index.ts';
import { formats, presets } from '../numerics/index.ts';
import type { RunEvent } from '../report/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { fail, nearest } from '../tensor/index.ts';
import { formatLabel, isFormatTarget } from './format-target.ts';
import { ggufTargetOf, isGgufTarget, parseGgufTarget } from './gguf/gguf-target.ts';

/**
 * A model to read: a path or URL of a file or of a Hugging Face folder, a source with its neighbourhood (browser,
 * tests), or a folder's files with what to call it.
 */
export type ModelInput =
  | string
  | { readonly source: ByteSource; readonly siblings?: Siblings }
  | { readonly folder: Siblings; readonly name: string };

/**
 * Data to calibrate or evaluate with: a path (folder or file), a path with a description that is not beside it,
 * or a dataset that is already bound.
 */
export type DataInput = string | { readonly path: string; readonly spec: DatasetSpec } | Dataset;

export interface CommonOptions {
  /** Default: the best runtime of this machine. `wasm` gives the same bytes in Node and in the page. */
  readonly runtime?: Runtime | 'native' | 'wasm' | 'webgpu';
  readonly threads?: number;
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
}

export interface MeasureOptions {
  /** Batch of the second latency figure; the first is batch 1. Default 8. */
  readonly batch?: number;
  /** Timed runs per latency figure. Default 50. 0 measures no latency. */
  readonly runs?: number;
  /** Evaluate at most so many samples. */
  readonly samples?: number;
  /** Measure peak memory in a process of its own. Default true where the platform can. */
  readonly memory?: boolean;
  /** Per-layer SQNR in the record. */
  readonly layers?: boolean;
}

/**
 * What the user asked, versioned and serialisable: the command line's flags are sugar for it.
 * Everything has a default but `to`; unknown keys are refused.
 */
export const recipeSchema = z.strictObject({
  version: z.literal(1).default(1),
  to: z
    .union([z.string(), z.array(z.string()).min(1)])
    .describe(
      'Preset or presets by name: int8, uint8, int8-dynamic, fp16, q4, ..., format:nf4/64, format:int5/128, ..., gguf:Q4_K_M, gguf:Q8_0, ..., bnb:nf4, fp8:block, ...',
    ),
  form: z
    .enum(['qdq', 'qoperator'])
    .default('qdq')
    .describe('Static schemes: QDQ pairs or integer operators.'),
  observer: z
    .string()
    .optional()
    .describe('How activation ranges are chosen; default: the best measured one.'),
  calibrationSamples: z.int().positive().default(1000).describe('Use at most so many calibration samples.'),
  weights: z
    .enum(['per-tensor', 'per-channel'])
    .default('per-channel')
    .describe('Granularity of static and dynamic weights.'),
  symmetricActivations: z
    .boolean()
    .default(false)
    .describe('Zero point of activations in the middle of the codes.'),
  restricted: z.boolean().default(false).describe('Signed codes stay in -127..127.'),
  powerOfTwo: z.boolean().default(false).describe('Scales are powers of two.'),
  reduceRange: z.boolean().optional().describe('7-bit weights, for CPUs without VNNI; default: by this CPU.'),
  depthwise: z
    .enum(['int8', 'float'])
    .default('int8')
    .describe('Static: depthwise convolutions in integers, or float where those are no faster.'),
  dynamicConv: z
    .enum(['stored', 'integer', 'float'])
    .default('stored')
    .describe('Dynamic: convolutions as 8-bit weights that load as float, as ConvInteger, or left float.'),
  float8: z
    .enum(['cast', 'qdq'])
    .default('cast')
    .describe('fp8: Casts, which load everywhere, or QuantizeLinear and DequantizeLinear for compilers.'),
  equalize: z.boolean().optional().describe('Cross-layer equalization; default: with per-tensor weights.'),
  absorbBias: z.boolean().default(false).describe('Move high biases into the next layer after equalization.'),
  correctBias: z
    .enum(['off', 'analytic', 'empirical'])
    .optional()
    .describe(
      'Remove the mean error that weight rounding causes; default: empirical with per-tensor weights.',
    ),
  blockSize: z
    .union([z.literal(16), z.literal(32), z.literal(64), z.literal(128), z.literal(256)])
    .optional()
    .describe('Weight-only: values that share a scale.'),
  symmetric: z.boolean().optional().describe('Weight-only: no zero points; default: by preset.'),
  accuracyLevel: z
    .union([z.literal(0), z.literal(1), z.literal(2), z.literal(3), z.literal(4)])
    .optional()
    .describe('MatMulNBits: 4 computes in int8, 0 in float; default: by this CPU.'),
  carrier: z
    .enum(['auto', 'standard', 'packed'])
    .default('auto')
    .describe(
      'Formats: operators that compute with packed weights where no slower than float; standard operators alone; or whatever stays packed in memory.',
    ),
  keep: z
    .array(z.string())
    .default([])
    .describe('Stay float: glob patterns on node names, or operator types.'),
  only: z.array(z.string()).default([]).describe('Nothing but these is quantized.'),
  keepEnds: z.boolean().default(false).describe('The first and the last layer stay float.'),
  overrides: z
    .record(z.string(), z.string())
    .default({})
    .describe('Pattern -> preset of those layers; first match wins.'),
  maxDrop: z
    .string()
    .optional()
    .describe("'0.5%': percentage points for rates, relative percent for errors."),
  minMetric: z.string().optional().describe("'top-1>=0.9'."),
  layout: z
    .enum(['plain', 'transformers.js'])
    .default('plain')
    .describe('File names and folders of the output.'),
  externalData: z.boolean().optional().describe('Weights in a file of their own; default: only past 2 GB.'),
  search: z
    .enum(['best', 'reference'])
    .default('best')
    .describe("GGUF: the codes of least error, or llama.cpp's own, byte for byte."),
  imatrix: z
    .string()
    .optional()
    .describe('GGUF: importance matrix of llama.cpp (.gguf or .dat), for better codes.'),
  tensorTypes: z
    .record(z.string(), z.string())
    .default({})
    .describe('GGUF: regular expression on tensor names -> their type; first match wins.'),
  pure: z.boolean().default(false).describe('GGUF: one type for all tensors, no mixture.'),
  outputTensorType: z.string().optional().describe('GGUF: type of output.weight.'),
  tokenEmbeddingType: z.string().optional().describe('GGUF: type of the token embeddings.'),
  overrideKv: z
    .record(z.string(), z.string())
    .default({})
    .describe("GGUF: metadata key -> 'int:1', 'float:1.5', 'bool:true' or 'str:text'."),
  keepSplit: z.boolean().default(false).describe('GGUF: as many files as the source.'),
  splitMaxSize: z.string().optional().describe('GGUF: several files of at most this size: 500M, 2G.'),
});

/** Keys that every output takes; the others are about ONNX or about GGUF. */
const sharedKeys: ReadonlySet<string> = new Set(['version', 'to']);
/** Keys about GGUF files. */
export const ggufRecipeKeys: readonly (keyof FullRecipe)[] = [
  'search',
  'imatrix',
  'tensorTypes',
  'pure',
  'outputTensorType',
  'tokenEmbeddingType',
  'overrideKv',
  'keepSplit',
  'splitMaxSize',
];
const ggufKeys: ReadonlySet<string> = new Set(ggufRecipeKeys);

/** What a user writes. */
export type Recipe = z.input<typeof recipeSchema>;
/** With every default filled in. */
export type FullRecipe = z.output<typeof recipeSchema>;

/** A recipe whose names were looked up: `presets` are those of `to`, in order, each once. */
export type ParsedRecipe = FullRecipe & { readonly presets: readonly string[] };

/**
 * Fills defaults in and refuses what is not a recipe. Options of a run that are no part of the recipe are ignored
 * here.
 * @throws recipe/invalid with every problem and its place; name/unknown for presets.
 */
export function parseRecipe(options: Recipe): ParsedRecipe {
  const keys = Object.keys(recipeSchema.shape);
  const own = Object.fromEntries(
    Object.entries(options).filter(([k, v]) => keys.includes(k) && v !== undefined),
  );
  const parsed = recipeSchema.safeParse(own);
  if (!parsed.success) {
    fail('recipe/invalid', {
      problems: parsed.error.issues.map((i) => `${i.path.join('.') || 'the recipe'}: ${i.message}`),
    });
  }
  const recipe = parsed.data;
  const names = targetsOf(typeof recipe.to === 'string' ? recipe.to.split(',') : recipe.to);
  if (names.length === 0) fail('recipe/invalid', { problems: ['to: name at least one preset'] });
  const gguf = names.filter(isGgufTarget);
  refuseOtherKeys(own, names, gguf.length > 0);
  if (gguf.length > 0) {
    const labels = names.map((name) => (isGgufTarget(name) ? parseGgufTarget(name).label : name));
    return { ...recipe, presets: [...new Set(labels)] };
  }
  for (const name of [...names, ...Object.values(recipe.overrides)]) {
    if (name === 'float' || isFormatTarget(name) || Object.hasOwn(presets, name)) continue;
    const gguf = ggufTargetOf(name);
    const known = Object.keys(presets);
    const near = nearest(name, known);
    const isScheme = Object.hasOwn(formats, /^[a-z0-9_]+(?=$|[/:+])/i.exec(name)?.[0].toLowerCase() ?? '');
    const meant = [
      ...(near === undefined ? [] : [near]),
      ...(isScheme ? [`format:${name}`] : []),
      ...(gguf === undefined ? [] : [gguf]),
      ...folderMeant(name),
    ];
    fail('name/unknown', { what: 'preset', got: name, known, meant });
  }
  const overrides = Object.entries(recipe.overrides).map(([pattern, name]) => [pattern, formatLabel(name)]);
  return {
    ...recipe,
    overrides: Object.fromEntries(overrides),
    presets: [...new Set(names.map(formatLabel))],
  };
}

/** Targets of folders, for names that are theirs but for a part. */
const folderMeant = (name: string): string[] =>
  Object.entries({ 'fp8:block': /^fp8$/i, 'bnb:nf4': /^(bnb|bitsandbytes)$/i })
    .filter(([, short]) => short.test(name))
    .map(([target]) => target);

/** Names of outputs, each once. Options of a scheme hold commas too: what is no name belongs to the scheme before. */
function targetsOf(parts: readonly string[]): string[] {
  const names: string[] = [];
  for (const part of parts.map((text) => text.trim()).filter((text) => text !== '')) {
    const last = names.at(-1);
    const isName = Object.hasOwn(presets, part) || isFormatTarget(part) || isGgufTarget(part);
    if (last !== undefined && isFormatTarget(last) && !isName) names[names.length - 1] = `${last},${part}`;
    else names.push(part);
  }
  return [...new Set(names)];
}

/** A recipe without what is about GGUF: what an ONNX file was made by. */
export const onnxPart = (recipe: FullRecipe): Record<string, unknown> =>
  Object.fromEntries(Object.entries(recipe).filter(([key]) => !ggufKeys.has(key)));

/** What one kind of output does not know would be passed over in silence. @throws recipe/invalid */
function refuseOtherKeys(
  own: Readonly<Record<string, unknown>>,
  names: readonly string[],
  gguf: boolean,
): void {
  const mixed = gguf && !names.every(isGgufTarget);
  const problems = mixed
    ? [`to: ${names.join(', ')}: GGUF files and ONNX presets are made in runs of their own`]
    : Object.keys(own)
        .filter((key) => !sharedKeys.has(key) && ggufKeys.has(key) !== gguf)
        .map((key) => `${key}: it is about ${gguf ? 'ONNX' : 'GGUF'}, and ${names[0]} is not`);
  if (problems.length > 0) fail('recipe/invalid', { problems });
}

export interface QuantizeOptions extends Recipe, CommonOptions {
  readonly model: ModelInput;
  readonly calibrate?: DataInput;
  readonly evaluate?: DataInput;
  /** File (one preset) or folder (several, or a trailing slash); a SinkFolder in the page. */
  readonly output: string | SinkFolder;
  readonly force?: boolean;
  /** Stop after the plan; nothing is written. */
  readonly dryRun?: boolean;
  /** GGUF: go on where an interrupted run ended, and leave what is finished when this one is interrupted. */
  readonly resume?: boolean;
  readonly measure?: MeasureOptions;
}

export interface EvaluateOptions extends CommonOptions {
  readonly model: ModelInput;
  readonly data: DataInput;
  /** The float model to compare with. */
  readonly against?: ModelInput;
  /** GGUF: what to measure. */
  readonly metric?: 'perplexity';
  /** GGUF: tokens of a chunk. Default 512. */
  readonly context?: number;
  readonly maxDrop?: string;
  readonly minMetric?: string;
  readonly measure?: MeasureOptions;
}

export interface CompareOptions extends CommonOptions {
  /** The reference first, then one or more candidates. */
  readonly models: readonly ModelInput[];
  readonly data?: DataInput;
  readonly measure?: MeasureOptions;
}
