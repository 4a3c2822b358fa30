import type { MetadataValue } from '../files/index.ts';
import type { CheckpointConfig, JsonObject } from './checkpoint-config.ts';
import type { RopeAbilities, RopeSettings } from './rope-settings.ts';
import type { SizeName, Sizes } from './sizes.ts';
import type { TensorForm } from './tensor-forms.ts';

/** What is known of a checkpoint when a family's rows are asked. */
export interface ModelFacts {
  readonly family: Family;
  /** Its entry in `architectures`. */
  readonly architecture: string;
  readonly config: CheckpointConfig;
  readonly sizes: Sizes;
  /** Rotary positions; undefined where the family has none. */
  readonly rope: RopeSettings | undefined;
  /** Whether the checkpoint has a tensor. */
  has(tensor: string): boolean;
}

/** One key of GGUF, `<architecture>.` left out. It is not written where the value is undefined. */
export interface Hyperparameter {
  readonly key: string;
  readonly value: (facts: ModelFacts) => MetadataValue | undefined;
}

/** One tensor of GGUF; with `{layer}` in its name, one in every layer. */
export interface TensorRow {
  readonly to: string;
  /** Outermost axis first. */
  readonly shape: readonly SizeName[];
  /** What it is made of. With several forms, the first whose tensors the checkpoint has. */
  readonly from: TensorForm | readonly TensorForm[];
  /** Whether the model has it. Default: always. */
  readonly when?: (facts: ModelFacts) => boolean;
}

/** A setting that llama.cpp's graph computes in one way only. */
export interface Requirement {
  readonly key: string;
  readonly holds: (value: unknown, facts: ModelFacts) => boolean;
  /** What the graph computes, after 'wants'. */
  readonly wanted: string;
}

/** One architecture: how its checkpoints become GGUF. */
export interface Family {
  /** In messages and documents. */
  readonly name: string;
  /** Entries of `architectures` in config.json. */
  readonly huggingFace: readonly string[];
  /** `general.architecture`: the graph of llama.cpp that runs it. */
  readonly architecture: string;
  /** Before the names of all tensors but the output; saved base models lack it. */
  readonly prefix: string;
  /** What its configuration class in transformers takes where a key is absent. */
  readonly defaults: JsonObject;
  readonly rope?: RopeAbilities;
  readonly requirements: readonly Requirement[];
  readonly hyperparameters: readonly Hyperparameter[];
  /** In the order of the file: rows without a layer, then those of each layer, then the rest. */
  readonly tensors: readonly TensorRow[];
  /** Parts that GGUF keeps in a file of their own, such as a vision tower: left out, and said. */
  readonly leftOut?: RegExp;
  /** What a user must know of the result. */
  readonly notes?: (facts: ModelFacts) => readonly string[];
  /** Papers and code it is made from. */
  readonly source: string;
}
