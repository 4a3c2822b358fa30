import { elementCount } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import { Node } from '../node.ts';
import { constantOf, numbersOf } from './constant.ts';
import { copyNode, freshNames, type Naming } from './copy-nodes.ts';
import { everyGraph, type PassContext, type PassResult } from './pass.ts';

/**
 * Replaces an If whose condition is a constant by the branch it takes. Exporters write such tests of sizes
 * that are known once the model is whole. Names inside the branch stay where nobody else has them.
 */
export async function takeBranches(model: Model, context: PassContext = {}): Promise<PassResult> {
  const owners = ownersOf(model.graph, new Map());
  const changes = await everyGraph(
    model,
    async (graph, enclosing) => {
      let taken = 0;
      for (const node of [...graph.nodes]) {
        const test = node.kind === 'If' ? constantOf(graph, enclosing, node.inputs[0] ?? '') : undefined;
        if (test === undefined || elementCount(test.dims) !== 1) continue;
        const [value] = await numbersOf(test);
        const branch = node.attributes.get(value ? 'then_branch' : 'else_branch');
        if (branch?.type !== 'graph') continue;
        take(graph, node, branch.value, owners);
        taken++;
      }
      return taken;
    },
    context.signal,
  );
  return { changes, notes: [] };
}

/** How many graphs define each name. */
function ownersOf(graph: Graph, counts: Map<string, number>): Map<string, number> {
  const names = new Set([...graph.initializers.keys(), ...graph.inputs.map((i) => i.name)]);
  for (const node of graph.nodes) {
    for (const output of node.outputs) names.add(output);
    for (const inner of node.subgraphs()) ownersOf(inner, counts);
  }
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function take(graph: Graph, node: Node, branch: Graph, owners: ReadonlyMap<string, number>): void {
  graph.remove(node);
  const names = new Map<string, string>([['', '']]);
  const passed: [from: string, to: string][] = [];
  branch.outputs.forEach(({ name }, i) => {
    const outer = node.outputs[i] ?? '';
    if (outer === '') return;
    // What no node of the branch makes, or what was given a name already, needs a node of its own.
    if (branch.producer(name) === undefined || names.has(name)) passed.push([name, outer]);
    else names.set(name, outer);
  });
  const fresh = freshNames(graph, node.name || (node.outputs.find((o) => o !== '') ?? 'If'), names);
  const defined = (name: string) => branch.producer(name) !== undefined || branch.initializers.has(name);
  const naming: Naming = {
    value: (name) => {
      if (names.has(name)) return names.get(name)!;
      return defined(name) && (owners.get(name) ?? 0) > 1 ? fresh(name) : name;
    },
    node: (name) => name,
    attribute: (a) => a,
  };
  for (const [name, weight] of branch.initializers) graph.initializers.set(naming.value(name), weight);
  for (const [name, info] of branch.valueInfo) {
    const own = naming.value(name);
    if (!graph.isOutput(own)) graph.valueInfo.set(own, { ...info, name: own });
  }
  for (const inner of branch.nodes) graph.add(copyNode(inner, naming));
  for (const [from, to] of passed)
    graph.add(new Node({ op: 'Identity', inputs: [naming.value(from)], outputs: [to] }));
}
