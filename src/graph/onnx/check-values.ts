import { fail } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';

/**
 * Checks that every value that is read is made somewhere in reach, and that no node waits for itself.
 * @throws onnx/undefined-value, graph/cycle
 */
export function checkValues(graph: Graph, file: string, outer: Scope = noScope, sparse?: SparseNames): void {
  const scope = new Scope(outer);
  for (const input of graph.inputs) scope.add(input.name);
  for (const name of graph.initializers.keys()) scope.add(name);
  for (const name of sparse?.(graph) ?? []) scope.add(name);
  for (const node of graph.nodes) for (const output of node.outputs) scope.add(output);
  checkNodes(graph.nodes, graph.name, file, scope, sparse);
  for (const { name } of graph.outputs) {
    if (!scope.has(name)) {
      fail('onnx/undefined-value', { file, graph: graph.name, value: name, reader: 'the graph output' });
    }
  }
  graph.topologicalOrder();
}

/** The same for a list of nodes with given inputs: the body of a function. */
export function checkNodes(
  nodes: Iterable<Node>,
  graph: string,
  file: string,
  scope: Scope,
  sparse?: SparseNames,
): void {
  for (const node of nodes) {
    for (const value of node.inputs) {
      if (value !== '' && !scope.has(value)) {
        fail('onnx/undefined-value', { file, graph, value, reader: node.label });
      }
    }
    for (const subgraph of node.subgraphs()) checkValues(subgraph, file, scope, sparse);
  }
}

/** Names of a graph's sparse initializers, which it carries encoded. */
export type SparseNames = (graph: Graph) => Iterable<string>;

/** Names in reach: a graph's own and those of the graphs around it. */
export class Scope {
  readonly #outer: Scope | undefined;
  readonly #names = new Set<string>();

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  add(name: string): void {
    this.#names.add(name);
  }

  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false);
  }
}

const noScope = new Scope();
