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
    fail('recipe/invalid', {
      problems: [
        'keepSplit and splitMaxSize: the parts are those of the source or of a size; choose one of the two',
      ],
    });
  }
  const targets = recipe.presets.map(parseGgufTarget);
  if (targets.every(({ fileType }) => fileType === undefined)) refuseUnused(recipe);
  return {
    targets,
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

/** What only chooses or makes codes, by the key of the recipe. */
const codeFlags = {
  imatrix: '--imatrix',
  tensorTypes: '--tensor-type',
  pure: '--pure',
  outputTensorType: '--output-tensor-type',
  tokenEmbeddingType: '--token-embedding-type',
} as const;

/** A copy keeps the type of every tensor: what asks for others would be passed over. @throws recipe/invalid */
function refuseUnused(recipe: ParsedRecipe): void {
  const problems = Object.entries(codeFlags).flatMap(([key, flag]) => {
    const value = recipe[key as keyof typeof codeFlags];
    const given =
      typeof value === 'object' ? Object.keys(value).length > 0 : value !== undefined && value !== false;
    return given
      ? [
          `${key} (${flag}): 'gguf' keeps the type of every tensor; name a file type, such as gguf:Q8_0, or leave it out`,
        ]
      : [];
  });
  if (problems.length > 0) fail('recipe/invalid', { problems });
}

const decimal = { K: 1e3, M: 1e6, G: 1e9 } as const;
const binary = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const;

/**
 * '500M', '2G' and '500MB' as llama-gguf-split counts, in powers of ten; '500MiB' in powers of two.
 * @throws recipe/invalid
 */
function parseSize(text: string): number {
  const [, digits, unit, ending = ''] = /^(\d{1,9})([KMG])(I?B)?$/.exec(text.trim().toUpperCase()) ?? [];
  const size =
    Number(digits) * ((ending === 'IB' ? binary : decimal)[unit as keyof typeof decimal] ?? Number.NaN);
  if (!(size > 0)) {
    const wanted = 'such as 500M, 2G (powers of ten) or 512MiB';
    fail('recipe/invalid', { problems: [`splitMaxSize: '${text}' is no size; wanted ${wanted}`] });
  }
  return size;
}
