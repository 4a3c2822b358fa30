import type { GgufTensorInfo, Imatrix, Metadata, MetadataValue } from '../../files/index.ts';
import { fileTypes } from '../../numerics/index.ts';
import { elementCount } from '../../tensor/index.ts';
import { cardKeys } from '../card.ts';
import type { ParsedRecipe } from '../recipe.ts';
import { lowbitVersion } from '../version.ts';
import type { GgufRecipe } from './gguf-recipe.ts';
import type { GgufTarget } from './gguf-target.ts';
import type { OpenedWeights } from './open-weights.ts';
import { withEntries } from './override-metadata.ts';

/** Of the block layouts; GGML_QNT_VERSION of ggml 0.25.1. */
const QUANTIZATION_VERSION = 2;

/** An importance matrix and where it came from. */
export interface GivenImatrix {
  readonly path: string;
  readonly imatrix: Imatrix;
}

const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
const string = (value: string): MetadataValue => ({ type: 'string', value });

/** What the metadata of an output follow from. */
export interface MetadataRequest {
  readonly weights: OpenedWeights;
  readonly target: GgufTarget;
  readonly recipe: GgufRecipe;
  readonly given: ParsedRecipe;
  readonly importance: GivenImatrix | undefined;
  /** Of the output. */
  readonly tensors: readonly GgufTensorInfo[];
}

/**
 * The metadata of an output: the source's with the keys that llama-quantize sets, in its order, so that reference
 * search gives its very bytes. Best search says what made the file: enough to make it again. A GGUF file whose tensors
 * keep their types keeps its metadata.
 */
export function outputMetadata(request: MetadataRequest): Metadata {
  const { weights, target, recipe, given, importance } = request;
  const fileType = fileTypeId(request);
  const entries: (readonly [string, MetadataValue])[] = [];
  if (fileType !== undefined) {
    entries.push(['general.quantization_version', uint32(QUANTIZATION_VERSION)]);
    entries.push(['general.file_type', uint32(fileType)]);
  }
  entries.push(...recipe.overrides);
  if (target.fileType !== undefined) {
    if (importance !== undefined) entries.push(...imatrixEntries(importance));
    if (recipe.search === 'best' && isQuantized(target)) entries.push(...card(target, given));
  }
  return withEntries(weights.model.metadata, entries);
}

/** general.file_type; of a checkpoint that is stored as it is, by the type of most values. */
function fileTypeId({ target, weights, tensors }: MetadataRequest): number | undefined {
  if (target.fileType !== undefined) return fileTypes[target.fileType].id;
  if (weights.container === 'gguf') return undefined;
  const values = (type: string) =>
    tensors.reduce((sum, tensor) => sum + (tensor.type === type ? elementCount(tensor.shape) : 0), 0);
  const [main] = (['F32', 'F16', 'BF16'] as const)
    .map((name) => ({ id: fileTypes[name].id, values: values(fileTypes[name].main) }))
    .sort((a, b) => b.values - a.values);
  return main!.id;
}

/** Types of no block are the same in every search. */
const isQuantized = ({ fileType }: GgufTarget): boolean =>
  fileType !== undefined && !['F32', 'F16', 'BF16'].includes(fileType);

function imatrixEntries({ path, imatrix }: GivenImatrix): [string, MetadataValue][] {
  const { datasets, entries, chunks } = imatrix;
  return [
    ['quantize.imatrix.file', string(path)],
    ...datasets
      .slice(0, 1)
      .map((name): [string, MetadataValue] => ['quantize.imatrix.dataset', string(name)]),
    ['quantize.imatrix.entries_count', uint32(entries.size)],
    ...(chunks > 0 ? [['quantize.imatrix.chunks_count', uint32(chunks)] as [string, MetadataValue]] : []),
  ];
}

function card(target: GgufTarget, recipe: ParsedRecipe): [string, MetadataValue][] {
  return [
    [cardKeys.version, string(lowbitVersion)],
    [cardKeys.recipe, string(JSON.stringify({ ...changed(recipe), to: target.label }))],
  ];
}

/** What a recipe says beyond the defaults that concern GGUF. */
function changed(recipe: ParsedRecipe): Record<string, unknown> {
  const { version, search, imatrix, tensorTypes, pure, outputTensorType, tokenEmbeddingType, overrideKv } =
    recipe;
  return {
    version,
    search,
    ...(imatrix !== undefined && { imatrix }),
    ...(Object.keys(tensorTypes).length > 0 && { tensorTypes }),
    ...(pure && { pure }),
    ...(outputTensorType !== undefined && { outputTensorType }),
    ...(tokenEmbeddingType !== undefined && { tokenEmbeddingType }),
    ...(Object.keys(overrideKv).length > 0 && { overrideKv }),
  };
}
