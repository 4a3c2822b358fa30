import type { MetadataValue, TensorSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import { bindTensors } from './bind-tensors.ts';
import { shown } from './checkpoint-config.ts';
import type { ModelFacts } from './family.ts';
import { text } from './metadata-values.ts';
import { ropeKeys } from './rope-keys.ts';
import { sizeLabel } from './size-label.ts';

/** What a model becomes by its family's rows: everything of GGUF but its name and its vocabulary. */
export interface BoundModel {
  readonly metadata: readonly (readonly [string, MetadataValue])[];
  readonly tensors: readonly TensorSource[];
}

/**
 * Applies a family's rows to a checkpoint.
 * @param name `general.name`
 * @param sampling keys that stand before the name
 * @throws architecture/unsupported, checkpoint/*
 */
export function bindModel(
  facts: ModelFacts,
  tensors: ReadonlyMap<string, TensorSource>,
  name: string,
  sampling: readonly (readonly [string, MetadataValue])[],
  onNote: (note: string) => void,
): BoundModel {
  const { family } = facts;
  checkRequirements(facts);
  // First the tensors: the sizes that config.json claims are then those of real data.
  const fromRows = bindTensors(facts, tensors);
  const positions = ropeKeys(facts);
  const bound = [...positions.tensors, ...fromRows];
  for (const note of [...(family.notes?.(facts) ?? []), ...positions.notes]) onNote(note);
  const own = family.hyperparameters.flatMap(({ key, value }) => {
    const given = value(facts);
    return given === undefined ? [] : [[key, given] as const];
  });
  return {
    metadata: [
      ['general.architecture', text(family.architecture)],
      ['general.type', text('model')],
      ...sampling,
      ['general.name', text(name)],
      ['general.size_label', text(sizeLabel(bound))],
      ...[...own, ...positions.keys].map(([key, value]) => [`${family.architecture}.${key}`, value] as const),
    ],
    tensors: bound,
  };
}

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
