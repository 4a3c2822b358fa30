import type { Graph, Model, Node } from '../graph/index.ts';
import { fail } from '../tensor/index.ts';
import type { FullRecipe } from './recipe.ts';
import { globToRegExp, matches } from './selection.ts';

/** Names listed in the message. */
const listed = 12;

/**
 * Refuses a pattern that names nothing: a typing error would otherwise quantize what was to be kept. `models` are
 * the model as given and as simplified, so that a layer that was folded away still counts as known.
 * @throws recipe/pattern-unmatched
 */
export function checkPatterns(
  recipe: Pick<FullRecipe, 'keep' | 'only' | 'overrides'>,
  models: readonly Model[],
): void {
  const patterns = { keep: recipe.keep, only: recipe.only, override: Object.keys(recipe.overrides) };
  if (Object.values(patterns).every((list) => list.length === 0)) return;
  const nodes = models.flatMap((model) => nodesOf(model.graph));
  for (const [key, list] of Object.entries(patterns)) {
    for (const pattern of list) {
      if (nodes.some((node) => matches(pattern, node))) continue;
      const layers = nodesOf(models.at(-1)!.graph).filter((node) => node.op !== 'Constant');
      fail('recipe/pattern-unmatched', {
        key,
        pattern,
        operators: [...new Set(layers.map((node) => node.kind))].sort(),
        layers: layers.slice(0, listed).map((node) => node.name),
        more: Math.max(0, layers.length - listed),
      });
    }
  }
}

/**
 * The same for patterns on the names of tensors, as folders of weights have them.
 * @throws recipe/tensor-unmatched
 */
export function checkTensorPatterns(
  patterns: { readonly keep?: readonly string[]; readonly only?: readonly string[] },
  names: readonly string[],
): void {
  for (const key of ['keep', 'only'] as const) {
    for (const pattern of patterns[key] ?? []) {
      const regexp = globToRegExp(pattern);
      if (names.some((name) => regexp.test(name))) continue;
      fail('recipe/tensor-unmatched', {
        key,
        pattern,
        tensors: names.slice(0, listed),
        more: Math.max(0, names.length - listed),
      });
    }
  }
}

/** All nodes, those of subgraphs included. */
function nodesOf(graph: Graph): Node[] {
  return [...graph.nodes].flatMap((node) => [node, ...node.subgraphs().flatMap(nodesOf)]);
}
