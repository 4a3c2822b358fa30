import { rowLengthOf } from '../../files/index.ts';
import { type BlockFormatName, blockFormats } from '../../numerics/index.ts';
import { fail } from '../../tensor/index.ts';
import type { PlannedTensor, PlanRequest } from './plan-gguf.ts';

/** Types whose codes depend on an importance matrix. */
const weighs = (type: string): boolean =>
  Object.hasOwn(blockFormats, type) && blockFormats[type as BlockFormatName].importance !== 'ignored';

/**
 * Gives every tensor its part of the importance matrix.
 * @throws imatrix/size when it was made for another model; gguf/needs-imatrix for types that are worthless without
 */
export function chooseImportance(
  tensors: readonly PlannedTensor[],
  { importance, target, dryRun }: PlanRequest,
): { readonly tensors: PlannedTensor[]; readonly notes: string[] } {
  const notes: string[] = [];
  const weighted = tensors.map((tensor) => {
    const { name, shape, type, source } = tensor;
    const entry = importance?.imatrix.entries.get(name);
    if (entry === undefined || type === source.type || !weighs(type)) return tensor;
    const matrices = shape.length > 2 ? shape.at(-3)! : 1;
    const wanted = rowLengthOf(shape) * matrices;
    if (entry.values.length === wanted) return { ...tensor, importance: entry.values };
    // A matrix of embeddings has one entry per token, and no activations: what the file has is of something else.
    if (/^(per_layer_)?token_embd\.weight$/.test(name)) return tensor;
    return fail('imatrix/size', { file: importance!.path, tensor: name, got: entry.values.length, wanted });
  });
  const bare = weighted.filter(
    ({ type, source, importance: own, needsImportance }) =>
      own === undefined &&
      type !== source.type &&
      (needsImportance || (weighs(type) && blockFormats[type as BlockFormatName].importance === 'required')),
  );
  const first = bare[0];
  if (first === undefined) return { tensors: weighted, notes };
  const label = blockFormats[first.type as BlockFormatName].label;
  const details = { target: target.label, tensor: first.name, type: label, count: bare.length };
  if (!dryRun) fail('gguf/needs-imatrix', { ...details, given: importance?.path ?? '' });
  notes.push(
    `To be made, ${target.label} needs an importance matrix (--imatrix) for ${bare.length} tensors, such as '${first.name}'.`,
  );
  return { tensors: weighted, notes };
}
