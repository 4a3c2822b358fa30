import { type GgufModel, openSafetensorsFolder, type Siblings } from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import { bindModel } from './bind-model.ts';
import { CheckpointConfig, isObject, type JsonObject, shown } from './checkpoint-config.ts';
import { checkpointTensors } from './checkpoint-tensors.ts';
import { familyOf } from './families.ts';
import type { ModelFacts } from './family.ts';
import { floatTensors } from './float-tensors.ts';
import { withoutVocabulary } from './metadata-values.ts';
import { quantizedWeights } from './quantized-checkpoint.ts';
import { readJson } from './read-json.ts';
import { readRope } from './rope-settings.ts';
import { samplingKeys } from './sampling-keys.ts';
import { Sizes } from './sizes.ts';
import { withoutSchemes } from './stored-schemes.ts';
import { withoutTiedOutput } from './tied-output.ts';
import { readVocabulary } from './vocabulary/index.ts';

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
const GENERATION = 'generation_config.json';

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
  const sampling = samplingKeys(GENERATION, (await readJson(folder, GENERATION)) ?? {});
  const weights = await openSafetensorsFolder(folder);
  try {
    const { tensors: named, leftOut } = checkpointTensors(withoutSchemes(weights, CONFIG), family);
    if (leftOut > 0) note(`${leftOut} tensors of other parts than the text model are left out.`);
    const values = await floatTensors(named, CONFIG, quantized);
    const tensors = await withoutTiedOutput(values, { family, architecture, config });
    const facts: ModelFacts = { family, architecture, config, sizes, rope, has: (t) => tensors.has(t) };
    const model = bindModel(facts, tensors, name ?? nameOf(config) ?? family.name, sampling, note);
    const words = vocabulary
      ? (await readVocabulary(folder, json, { vocabSize: sizes.get('vocab'), onNote: note })).metadata
      : withoutVocabulary;
    return {
      metadata: new Map([...model.metadata, ...words]),
      tensors: model.tensors,
      notes,
      close: () => weights.close(),
    };
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
  const wanted = 'a list with the class of the model, such as ["LlamaForCausalLM"],';
  return fail('checkpoint/config', { file: CONFIG, key: 'architectures', got: shown(architectures), wanted });
}

/** Models with more than text have the text model's settings one level down. */
const flattened = (json: JsonObject): JsonObject =>
  isObject(json.text_config) ? { ...json, ...json.text_config } : json;

/** The last part of where the model was saved or loaded from. */
function nameOf(config: CheckpointConfig): string | undefined {
  const path = config.optionalText('_name_or_path');
  return path?.split(/[\\/]/).findLast((part) => part !== '');
}
