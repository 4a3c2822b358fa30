import { tensorTypeRow } from '../../files/index.ts';
import { type GgufRecord, typeShares } from '../../report/index.ts';
import { elementCount } from '../../tensor/index.ts';
import type { GgufRecipe } from './gguf-recipe.ts';
import type { GgufPlan } from './plan-gguf.ts';

/** ggml's name of a stored type, or ours where ggml has none. */
export const typeLabel = (type: string): string => tensorTypeRow(type)?.label ?? type;

/** A plan as the record tells it. */
export function ggufRecord(plan: GgufPlan, { search }: GgufRecipe): GgufRecord {
  const placed = plan.files.flatMap(({ layout }) => layout.tensors);
  const sizes = new Map(placed.map(({ name, sizeBytes }) => [name, sizeBytes]));
  const tensors = plan.tensors.map(({ name, shape, type, source, instead, importance }) => ({
    name,
    shape,
    from: typeLabel(source.type),
    to: typeLabel(type),
    sizeBytes: sizes.get(name)!,
    ...(instead && { instead: typeLabel(instead) }),
    ...(importance && { weighted: true as const }),
  }));
  const values = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const bytes = tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    ...(plan.target.fileType && { fileType: plan.target.fileType }),
    search,
    bitsPerWeight: values === 0 ? 0 : (bytes * 8) / values,
    types: typeShares(
      tensors.map(({ to, shape, sizeBytes }) => ({ type: to, values: elementCount(shape), sizeBytes })),
    ),
    tensors,
    files: plan.files.map(({ name, layout }) => ({ path: name, sizeBytes: layout.sizeBytes })),
  };
}
