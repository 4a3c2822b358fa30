import type { MetadataValue } from '../../files/index.ts';
import type { BlockFormatName, BlockSearch } from '../../numerics/index.ts';
import { fail } from '../../tensor/index.ts';
import type { ParsedRecipe } from '../recipe.ts';
import { type GgufTarget, parseGgufTarget } from './gguf-target.ts';
import { parseOverrides } from './override-metadata.ts';
import { parseTensorType, parseTensorTypes, type TensorTypeRule } from './tensor-type-option.ts';

/** What a recipe says of GGUF files, with every name looked up. */
export interface GgufRecipe {
  readonly targets: readonly GgufTarget[];
  readonly search: BlockSearch;
  readonly pure: boolean;
  readonly outputType: BlockFormatName | undefined;
  readonly embeddingType: BlockFormatName | undefined;
  readonly tensorTypes: readonly TensorTypeRule[];
  readonly keepSplit: boolean;
  readonly splitMaxBytes: number | undefined;
  readonly overrides: readonly (readonly [string, MetadataValue])[];
}

/** @throws recipe/invalid, name/unknown */
export function ggufRecipe(recipe: ParsedRecipe): GgufRecipe {
  const { search, pure, outputTensorType, tokenEmbeddingType, tensorTypes, keepSplit, splitMaxSize } = recipe;
  if (keepSplit && splitMaxSize !== undefined) {
    fail('recipe/invalid', { problems: ['keepSplit and splitMaxSize: choose one of the two'] });
  }
  return {
    targets: recipe.presets.map(parseGgufTarget),
    search,
    pure,
    outputType: outputTensorType === undefined ? undefined : parseTensorType(outputTensorType),
    embeddingType: tokenEmbeddingType === undefined ? undefined : parseTensorType(tokenEmbeddingType),
    tensorTypes: parseTensorTypes(tensorTypes),
    keepSplit,
    splitMaxBytes: splitMaxSize === undefined ? undefined : parseSize(splitMaxSize),
    overrides: parseOverrides(recipe.overrideKv),
  };
}

const units = { M: 1e6, G: 1e9 } as const;

/** '500M' and '2G', as llama-gguf-split counts: powers of ten. @throws recipe/invalid */
function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([MG])$/i.exec(text) ?? [];
  const size = Number(digits) * (units[unit?.toUpperCase() as keyof typeof units] ?? Number.NaN);
  if (!(size > 0))
    fail('recipe/invalid', { problems: [`splitMaxSize: '${text}' is no size; wanted such as 500M or 2G`] });
  return size;
}
