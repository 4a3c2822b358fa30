import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Weight } from '../weight.ts';

/** A graph and the graphs around it, whose values it may read. */
export interface Scope {
  readonly graph: Graph;
  readonly outer?: Scope;
}

/** A constant and the graph that holds it. */
export interface FoundConstant {
  readonly weight: Weight;
  readonly owner: Graph;
}

/** Every graph of a model with what encloses it: bodies of If, Loop and Scan before the graph they are in. */
export function scopesOf(model: Model): Scope[] {
  const found: Scope[] = [];
  const walk = (scope: Scope) => {
    for (const node of scope.graph.nodes) {
      for (const graph of node.subgraphs()) walk({ graph, outer: scope });
    }
    found.push(scope);
  };
  walk({ graph: model.graph });
  return found;
}

/** The constant behind a name, here or in an enclosing graph: an initializer or the tensor of a Constant node. */
export function constantIn(scope: Scope | undefined, name: string): FoundConstant | undefined {
  for (let at = scope; at !== undefined; at = at.outer) {
    const { graph } = at;
    const initializer = graph.constant(name);
    if (initializer !== undefined) return { weight: initializer, owner: graph };
    const producer = graph.producer(name);
    if (producer !== undefined) {
      const value = producer.kind === 'Constant' ? producer.attributes.get('value') : undefined;
      if (value?.type !== 'tensor' || value.value.dtype === 'string') return undefined;
      return { weight: value.value as Weight, owner: graph };
    }
    if (graph.isInput(name)) return undefined;
  }
  return undefined;
}

/** Makes the use-def index of every graph true again after bodies inside it were edited. */
export function reindexHolders(model: Model): void {
  for (const { graph } of scopesOf(model)) {
    for (const node of graph.nodes) if (node.subgraphs().length > 0) graph.reindex(node);
  }
}

/** Hands out value names that no graph of the model uses, so that a body never shadows what is around it. */
export class NameSupply {
  readonly #taken = new Set<string>();

  constructor(model: Model) {
    for (const { graph } of scopesOf(model)) {
      for (const { name } of [...graph.inputs, ...graph.outputs]) this.#taken.add(name);
      for (const name of graph.initializers.keys()) this.#taken.add(name);
      for (const node of graph.nodes) {
        for (const name of node.inputs) this.#taken.add(name);
        for (const name of node.outputs) this.#taken.add(name);
      }
    }
  }

  fresh(prefix: string): string {
    let name = prefix;
    for (let i = 1; this.#taken.has(name); i++) name = `${prefix}_${i}`;
    this.#taken.add(name);
    return name;
  }
}
