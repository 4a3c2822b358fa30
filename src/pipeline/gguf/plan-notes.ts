import { storedBytes } from '../../files/index.ts';
import { blockFormats, fileTypes, isQuantizable } from '../../numerics/index.ts';
import { formatBytes, formatPercent } from '../../report/index.ts';
import { dtypes, elementCount } from '../../tensor/index.ts';
import type { GgufRecipe } from './gguf-recipe.ts';
import { typeLabel } from './gguf-record.ts';
import type { OpenedWeights } from './open-weights.ts';
import type { GivenImatrix } from './output-metadata.ts';
import type { GgufPlan, PlannedTensor } from './plan-gguf.ts';

/** 'n tensors', or the name of the one. */
const which = (tensors: readonly PlannedTensor[]): string =>
  tensors.length === 1 ? `tensor '${tensors[0]!.name}'` : `${tensors.length} tensors`;

const isQuantized = (type: string): boolean =>
  Object.hasOwn(blockFormats, type) && !Object.hasOwn(dtypes, type);

/** What a user should know about a plan: what was quantized before, what did not fit, what the matrix lacks. */
export function planNotes(
  plan: GgufPlan,
  weights: OpenedWeights,
  importance: GivenImatrix | undefined,
  recipe: Pick<GgufRecipe, 'tensorTypes'>,
): string[] {
  const notes = [...weights.notes, ...plan.notes];
  const again = plan.tensors.filter(({ source, type }) => isQuantized(source.type) && type !== source.type);
  if (again.length > 0) {
    const types = [...new Set(again.map(({ source }) => typeLabel(source.type)))].join(', ');
    notes.push(
      `The source is quantized already (${types}; ${which(again)}): quantizing it again loses more than quantizing the original.`,
    );
  }
  notes.push(...fallbackNotes(plan), ...patternNotes(plan, recipe));
  if (importance !== undefined) {
    const bare = plan.tensors.filter(
      ({ type, source, importance: own }) => own === undefined && isQuantized(type) && type !== source.type,
    );
    const named = bare.filter(({ name }) => !/^(per_layer_)?(token_embd|output)\.weight$/.test(name));
    if (named.length > 0 && named.some(({ type }) => type !== 'q8_0')) {
      notes.push(`${importance.path} has no entry for ${which(named)}; errors there count alike.`);
    }
  }
  return notes;
}

/** What did not get the type that the mixture wanted: how much of the file, and the largest of them. */
function fallbackNotes({ tensors, sizeBytes }: GgufPlan): string[] {
  const fallen = new Map<string, PlannedTensor[]>();
  for (const tensor of tensors) {
    if (tensor.instead === undefined) continue;
    const key = `${typeLabel(tensor.type)} instead of ${typeLabel(tensor.instead)}`;
    fallen.set(key, [...(fallen.get(key) ?? []), tensor]);
  }
  const bytes = ({ type, shape }: PlannedTensor) => storedBytes(type, elementCount(shape));
  return [...fallen].map(([change, group]) => {
    const [largest] = group.toSorted((a, b) => bytes(b) - bytes(a));
    const { instead, shape, name } = largest!;
    const { block } = blockFormats[instead!];
    const all = formatPercent(group.reduce((sum, tensor) => sum + bytes(tensor), 0) / sizeBytes);
    const named = group.length === 1 ? '' : ` (the largest: '${name}', ${formatBytes(bytes(largest!))})`;
    return `${change} for ${which(group)}${named}, ${all} of the file: rows of ${shape.at(-1)} are no multiple of ${block}.`;
  });
}

/** Patterns of the recipe that changed nothing: most likely a typing error. */
function patternNotes(
  { tensors, target }: GgufPlan,
  { tensorTypes }: Pick<GgufRecipe, 'tensorTypes'>,
): string[] {
  if (target.fileType === undefined) return [];
  if (tensorTypes.length > 0 && blockFormats[fileTypes[target.fileType].main].block === 1)
    return [`--tensor-type changes nothing: ${target.label} stores all matrices so, as in llama-quantize.`];
  return tensorTypes.flatMap(({ pattern, text }, i) => {
    const found = tensors.filter(({ name }) => pattern.test(name));
    if (found.length === 0) return [`--tensor-type '${text}' matches no tensor.`];
    const left = found.filter(
      ({ name }) => !tensorTypes.slice(0, i).some((before) => before.pattern.test(name)),
    );
    if (left.length === 0)
      return [
        `--tensor-type '${text}' matches no tensor that an earlier pattern does not match: the first wins.`,
      ];
    const open = left.filter(({ name, shape }) => isQuantizable(name, shape));
    return open.length > 0
      ? []
      : [
          `--tensor-type '${text}' matches ${which(left)} only, and that type is not for choice: it stays ${typeLabel(left[0]!.type)}.`,
        ];
  });
}
