import {
  type GgufModel,
  type Metadata,
  type MetadataValue,
  openSafetensorsFolder,
  type Siblings,
} from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import { bindTensors } from './bind-tensors.ts';
import { CheckpointConfig, isObject, type JsonObject, shown } from './checkpoint-config.ts';
import { checkpointTensors } from './checkpoint-tensors.ts';
import { familyOf } from './families.ts';
import type { ModelFacts } from './family.ts';
import { text } from './metadata-values.ts';
import { quantizedWeights } from './quantized-checkpoint.ts';
import { readJson } from './read-json.ts';
import { ropeKeys } from './rope-keys.ts';
import { readRope } from './rope-settings.ts';
import { samplingKeys } from './sampling-keys.ts';
import { withoutFloat8 } from './scaled-float8.ts';
import { sizeLabel } from './size-label.ts';
import { Sizes } from './sizes.ts';

export interface ConvertOptions {
  /** `general.name`. Default: what config.json says, else the family's name. */
  readonly name?: string;
  /** Default true. Without, the file holds no tokenizer and takes token ids only. */
  readonly vocabulary?: boolean;
  /** Told what the result does not keep of the checkpoint, in one sentence each. */
  readonly onNote?: (note: string) => void;
}

/** A checkpoint as GGUF; its weights are read when they are asked for, until it is closed. */
export interface ConvertedCheckpoint extends GgufModel {
  /** What the result does not keep of the checkpoint. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

const CONFIG = 'config.json';

/**
 * Converts a Hugging Face folder of a decoder: config.json, the tokenizer, safetensors. Only headers are read; tensors
 * are renamed, permuted, stacked or computed row by row when somebody reads them. The keys that depend on the types of
 * the file (`general.file_type`, `general.quantization_version`) are the writer's.
 * @throws architecture/unknown, architecture/unsupported, checkpoint/*, safetensors/*, vocabulary/*, file/*
 */
export async function convertCheckpoint(
  folder: Siblings,
  { name, vocabulary = true, onNote }: ConvertOptions = {},
): Promise<ConvertedCheckpoint> {
  const notes: string[] = [];
  const note = (sentence: string) => {
    notes.push(sentence);
    onNote?.(sentence);
  };
  const json = await readJson(folder, CONFIG);
  if (json === undefined) fail('file/missing', { path: CONFIG });
  const architecture = architectureOf(json);
  const family = familyOf(architecture);
  const config = new CheckpointConfig(CONFIG, flattened(json), family.defaults);
  const sizes = new Sizes(config);
  const quantized = quantizedWeights(config);
  const rope = family.rope === undefined ? undefined : readRope(config, family.rope);
  const weights = await openSafetensorsFolder(folder);
  try {
    const { tensors: named, leftOut } = checkpointTensors(weights.tensors, family);
    if (leftOut > 0) note(`${leftOut} tensors of other parts than the text model are left out.`);
    const tensors = withoutFloat8(named, CONFIG, quantized?.blockSize);
    const facts: ModelFacts = { family, architecture, config, sizes, rope, has: (t) => tensors.has(t) };
    checkRequirements(facts);
    const positions = ropeKeys(facts);
    const bound = [...positions.tensors, ...bindTensors(facts, tensors)];
    for (const sentence of [...(family.notes?.(facts) ?? []), ...positions.notes]) note(sentence);
    const metadata = new Map<string, MetadataValue>([
      ['general.architecture', text(family.architecture)],
      ['general.type', text('model')],
      ...samplingKeys('generation_config.json', (await readJson(folder, 'generation_config.json')) ?? {}),
      ['general.name', text(name ?? nameOf(config) ?? family.name)],
      ['general.size_label', text(sizeLabel(bound))],
      ...architectureKeys(facts, positions.keys),
      ...(await vocabularyKeys(folder, facts, vocabulary, note)),
    ]);
    return { metadata, tensors: bound, notes, close: () => weights.close() };
  } catch (error) {
    await weights.close();
    throw error;
  }
}

/** @throws checkpoint/config */
function architectureOf(json: JsonObject): string {
  const { architectures } = json;
  const first = Array.isArray(architectures) ? architectures[0] : undefined;
  if (typeof first === 'string') return first;
  const wanted = 'a list with the model\'s class, such as ["LlamaForCausalLM"]';
  return fail('checkpoint/config', { file: CONFIG, key: 'architectures', got: shown(architectures), wanted });
}

/** Models with more than text have the text model's settings one level down. */
const flattened = (json: JsonObject): JsonObject =>
  isObject(json.text_config) ? { ...json, ...json.text_config } : json;

/** @throws architecture/unsupported */
function checkRequirements(facts: ModelFacts): void {
  const { family, architecture, config } = facts;
  for (const { key, holds, wanted } of family.requirements) {
    const value = config.get(key);
    if (holds(value, facts)) continue;
    fail('architecture/unsupported', {
      architecture,
      key,
      got: shown(value),
      graph: family.architecture,
      wanted,
    });
  }
}

/** The last part of where the model was saved or loaded from. */
function nameOf(config: CheckpointConfig): string | undefined {
  const path = config.optionalText('_name_or_path');
  return path?.split(/[\\/]/).findLast((part) => part !== '');
}

function architectureKeys(
  facts: ModelFacts,
  positions: readonly (readonly [string, MetadataValue])[],
): (readonly [string, MetadataValue])[] {
  const own = facts.family.hyperparameters.flatMap(({ key, value }) => {
    const given = value(facts);
    return given === undefined ? [] : [[key, given] as const];
  });
  return [...own, ...positions].map(
    ([key, value]) => [`${facts.family.architecture}.${key}`, value] as const,
  );
}

async function vocabularyKeys(
  _folder: Siblings,
  _facts: ModelFacts,
  _wanted: boolean,
  _note: (sentence: string) => void,
): Promise<Metadata> {
  return new Map([['tokenizer.ggml.model', text('no_vocab')]]);
}
