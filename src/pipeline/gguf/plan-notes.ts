import { blockFormats } from '../../numerics/index.ts';
import { dtypes } from '../../tensor/index.ts';
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
): string[] {
  const notes = [...weights.notes, ...plan.notes];
  const again = plan.tensors.filter(({ source, type }) => isQuantized(source.type) && type !== source.type);
  if (again.length > 0) {
    const types = [...new Set(again.map(({ source }) => typeLabel(source.type)))].join(', ');
    notes.push(
      `The source is quantized already (${types}; ${which(again)}): quantizing it again loses more than quantizing the original.`,
    );
  }
  const fallen = new Map<string, PlannedTensor[]>();
  for (const tensor of plan.tensors) {
    if (tensor.instead === undefined) continue;
    const key = `${typeLabel(tensor.type)} instead of ${typeLabel(tensor.instead)}`;
    fallen.set(key, [...(fallen.get(key) ?? []), tensor]);
  }
  for (const [change, tensors] of fallen) {
    notes.push(`${change} for ${which(tensors)}: rows are no whole number of its blocks.`);
  }
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
