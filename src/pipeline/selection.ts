import type { Graph, Node } from '../graph/index.ts';
import { type Preset, type PresetKind, presets } from '../numerics/index.ts';
import { lookUp } from '../tensor/index.ts';
import { isFormatTarget, presetOfFormat } from './format-target.ts';
import type { FullRecipe } from './recipe.ts';

/** A glob over names: `*` any run of characters, `?` one. Matches the whole name, case-sensitive. */
export function globToRegExp(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

/** A pattern means a node's name, any of its outputs, or its operator type. */
export function matches(pattern: string, node: Node): boolean {
  const regexp = globToRegExp(pattern);
  return (
    regexp.test(node.name) || regexp.test(node.kind) || node.outputs.some((o) => o !== '' && regexp.test(o))
  );
}

/** Where each node goes: a preset by name, or `float` and why. */
export interface Assignment {
  readonly preset: string | undefined;
  readonly why: string;
}

/**
 * Decides node by node: `keep`, then `overrides` in their order, then `only`, then the ends, then the main
 * preset. `ends` are the first and the last layer that carry weights.
 */
export function assign(
  node: Node,
  preset: string,
  recipe: Pick<FullRecipe, 'keep' | 'only' | 'keepEnds' | 'overrides'>,
  ends: ReadonlySet<string>,
): Assignment {
  for (const pattern of recipe.keep) {
    if (matches(pattern, node)) return { preset: undefined, why: `kept float by '${pattern}'` };
  }
  for (const [pattern, override] of Object.entries(recipe.overrides)) {
    if (!matches(pattern, node)) continue;
    return override === 'float'
      ? { preset: undefined, why: `kept float by override '${pattern}'` }
      : { preset: override, why: `${override} by override '${pattern}'` };
  }
  if (recipe.only.length > 0 && !recipe.only.some((pattern) => matches(pattern, node))) {
    return { preset: undefined, why: `not among the only ones asked for: ${recipe.only.join(', ')}` };
  }
  if (recipe.keepEnds && ends.has(endKey(node))) {
    return { preset: undefined, why: 'first or last layer, kept float as asked' };
  }
  return { preset, why: preset };
}

/** What identifies a node across the rewrites of one run. */
export const endKey = (node: Node): string => node.outputs[0] ?? node.name;

/** Lowerings that add operators come before those that rewrite all that is left. */
const order: readonly PresetKind[] = ['scheme', 'weight-only', 'dynamic', 'static', 'fp8', 'float'];

/** The presets that one output takes: the main one and those of overrides, in the order of their lowerings. */
export function presetsOf(main: string, recipe: Pick<FullRecipe, 'overrides'>): string[] {
  const names = new Set([main, ...Object.values(recipe.overrides).filter((name) => name !== 'float')]);
  const rank = (name: string) => order.indexOf(presetRow(name).kind);
  return [...names].sort((a, b) => rank(a) - rank(b));
}

/** The first and the last node, in execution order, that multiply by a constant. */
export function endsOf(graph: Graph): Set<string> {
  const weighted = graph
    .topologicalOrder()
    .filter((node) => node.inputs.some((i) => (graph.constant(i)?.dims.length ?? 0) >= 2));
  const ends = [weighted[0], weighted.at(-1)].filter((node) => node !== undefined);
  return new Set(ends.map(endKey));
}

/** The row of a preset, or the one that a format stands for. @throws name/unknown, scheme/text */
export const presetRow = (name: string): Preset =>
  isFormatTarget(name)
    ? presetOfFormat(name)
    : lookUp('preset', presets as Readonly<Record<string, Preset>>, name);
