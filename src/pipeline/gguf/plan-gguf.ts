import { countTiles, type TensorJob } from '../../compute/index.ts';
import {
  type GgufLayout,
  layoutGguf,
  type Metadata,
  type StoredType,
  shardName,
  splitGguf,
  type TensorSource,
} from '../../files/index.ts';
import type { BlockFormatName } from '../../numerics/index.ts';
import type { ParsedRecipe } from '../recipe.ts';
import { chooseImportance } from './choose-importance.ts';
import { chooseTypes } from './choose-types.ts';
import type { GgufRecipe } from './gguf-recipe.ts';
import type { GgufTarget } from './gguf-target.ts';
import type { OpenedWeights } from './open-weights.ts';
import { type GivenImatrix, outputMetadata } from './output-metadata.ts';
import { withEntries } from './override-metadata.ts';

/** A tensor of the output: where it comes from and what it becomes. */
export interface PlannedTensor {
  readonly source: TensorSource;
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: StoredType;
  /** The type that the mixture wanted, where rows are no whole number of its blocks. */
  readonly instead?: BlockFormatName;
  /** llama-quantize refuses to make this without an importance matrix. */
  readonly needsImportance: boolean;
  readonly importance?: Float32Array;
}

/** One output, known to the byte before any work. */
export interface GgufPlan {
  readonly target: GgufTarget;
  readonly tensors: readonly PlannedTensor[];
  /** Several where it is split. */
  readonly files: readonly { readonly name: string; readonly layout: GgufLayout }[];
  readonly jobs: readonly TensorJob[];
  readonly tiles: number;
  readonly sizeBytes: number;
  readonly notes: readonly string[];
}

export interface PlanRequest {
  readonly weights: OpenedWeights;
  readonly target: GgufTarget;
  readonly recipe: GgufRecipe;
  readonly given: ParsedRecipe;
  readonly importance: GivenImatrix | undefined;
  /** Name of the file; of a split one the names are made from it. */
  readonly fileName: string;
  /** A plan that nothing is made from may want an importance matrix that is not there: then a note says so. */
  readonly dryRun: boolean;
}

/**
 * Chooses types, lays the files out and numbers the work.
 * @throws gguf/needs-imatrix, imatrix/size, gguf/not-writable, ggml/row-length
 */
export function planGguf(request: PlanRequest): GgufPlan {
  const { weights, target, recipe, given, importance, fileName } = request;
  const chosen = chooseTypes(weights, target, recipe, importance !== undefined);
  const { tensors, notes } = chooseImportance(chosen, request);
  const metadata = outputMetadata({ weights, target, recipe, given, importance, tensors });
  const parts = splitFiles(weights, recipe, fileName, metadata, tensors);
  const files = parts.map((part) => ({
    name: part.name,
    layout: layoutGguf(part.metadata, part.tensors, { padEmpty: true }),
  }));
  const jobs = parts.flatMap((part, file) =>
    part.tensors.map((tensor, i): TensorJob => {
      const { source, type } = tensor;
      const { offset } = files[file]!.layout.tensors[i]!;
      return { source, type, file, offset, ...(tensor.importance && { importance: tensor.importance }) };
    }),
  );
  const sizeBytes = files.reduce((sum, { layout }) => sum + layout.sizeBytes, 0);
  return { target, tensors, files, jobs, tiles: countTiles(jobs), sizeBytes, notes };
}

interface FilePart {
  readonly name: string;
  readonly metadata: Metadata;
  readonly tensors: readonly PlannedTensor[];
}

function splitFiles(
  weights: OpenedWeights,
  { keepSplit, splitMaxBytes }: GgufRecipe,
  fileName: string,
  metadata: Metadata,
  tensors: readonly PlannedTensor[],
): readonly FilePart[] {
  const prefix = fileName.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '');
  const whole = [{ name: fileName, metadata, tensors }];
  if (splitMaxBytes !== undefined) {
    const parts = splitGguf(metadata, tensors, { prefix, maxBytes: splitMaxBytes });
    return parts.length === 1 ? whole : parts;
  }
  return keepSplit && weights.shards > 1 ? splitAsBefore(weights, prefix, metadata, tensors) : whole;
}

/** The files of the source again, each with its own tensors, in their order there. */
function splitAsBefore(
  { model, shards }: OpenedWeights,
  prefix: string,
  metadata: Metadata,
  tensors: readonly PlannedTensor[],
): FilePart[] {
  const planned = new Map(tensors.map((tensor) => [tensor.source, tensor]));
  const groups = new Map<unknown, PlannedTensor[]>();
  for (const source of model.tensors) {
    const file = source.pieces?.(0, 0)[0]?.source;
    const group = groups.get(file) ?? [];
    group.push(planned.get(source)!);
    groups.set(file, group);
  }
  // Files without tensors hold the metadata and come first.
  const lists = [...groups.values()];
  while (lists.length < shards) lists.unshift([]);
  return lists.map((list, index) => ({
    name: shardName(prefix, index, lists.length),
    metadata: withEntries(index === 0 ? metadata : new Map(), [
      ['split.no', { type: 'uint16', value: index }],
      ['split.count', { type: 'uint16', value: lists.length }],
      ['split.tensors.count', { type: 'int32', value: tensors.length }],
    ]),
    tensors: list,
  }));
}
