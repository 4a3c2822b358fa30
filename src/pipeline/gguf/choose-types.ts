import { type StoredType, type TensorSource, tensorTypeRow } from '../../files/index.ts';
import { type BlockFormatName, blockFormats, type PlannedType, planTypes } from '../../numerics/index.ts';
import { type DType, dtypes } from '../../tensor/index.ts';
import type { GgufRecipe } from './gguf-recipe.ts';
import type { GgufTarget } from './gguf-target.ts';
import { modelFacts } from './model-facts.ts';
import type { OpenedWeights } from './open-weights.ts';
import type { PlannedTensor } from './plan-gguf.ts';

/**
 * The type of every tensor of the output, in the order of the file: llama-quantize's choice and order for a file
 * type, the source's for none.
 */
export function chooseTypes(
  { model }: OpenedWeights,
  { fileType }: GgufTarget,
  { pure, outputType, embeddingType, tensorTypes }: GgufRecipe,
  hasImportance: boolean,
): PlannedTensor[] {
  if (fileType === undefined) return model.tensors.map((source) => planned(source, undefined));
  const byName = new Map(model.tensors.map((source) => [source.name, source]));
  const types = planTypes({
    ...modelFacts(model),
    fileType,
    tensors: model.tensors,
    hasImportance,
    pure,
    tensorTypes,
    ...(outputType && { outputType }),
    ...(embeddingType && { embeddingType }),
  });
  return types.map((type) => planned(byName.get(type.name)!, type));
}

function planned(source: TensorSource, chosen: PlannedType | undefined): PlannedTensor {
  const { name, shape } = source;
  const type = typeOf(source, chosen?.type);
  return {
    source,
    name,
    shape,
    type,
    needsImportance: (chosen?.needsImportance ?? false) && type === chosen?.type,
    ...(chosen?.instead && { instead: chosen.instead }),
  };
}

/** What a consumer reads in float32 only is stored so; whole numbers are no weights. */
function typeOf({ type, keep }: TensorSource, wanted: BlockFormatName | undefined): StoredType {
  if (keep !== undefined) return keep;
  if (wanted !== undefined && isReal(type)) return wanted;
  return tensorTypeRow(type) === undefined && isReal(type) ? holderOf(type) : type;
}

const isReal = (type: StoredType): boolean =>
  Object.hasOwn(blockFormats, type) || dtypes[type as DType].kind === 'float';

/** The smallest type of GGUF that holds every value of a type that GGUF does not have. */
const holderOf = (type: StoredType): StoredType => (type === 'float8e8m0' ? 'float32' : 'float16');
