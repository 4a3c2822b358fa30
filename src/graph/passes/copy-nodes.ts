import type { Attribute } from '../attribute.ts';
import { Graph } from '../graph.ts';
import { Node } from '../node.ts';

/** What becomes of the names and attributes of nodes that are copied into another graph. */
export interface Naming {
  value(name: string): string;
  node(name: string): string;
  /** undefined leaves the attribute out. */
  attribute(a: Attribute): Attribute | undefined;
}

/** Names that `names` does not know yet become new ones under `prefix`, the same each time. */
export function freshNames(graph: Graph, prefix: string, names: Map<string, string>): Naming['value'] {
  const taken = new Set<string>();
  return (name) => {
    const known = names.get(name);
    if (known !== undefined) return known;
    let fresh = graph.freshName(`${prefix}/${name}`);
    while (taken.has(fresh)) fresh = graph.freshName(`${fresh}_`);
    taken.add(fresh);
    names.set(name, fresh);
    return fresh;
  };
}

/** A node with other names, its subgraphs too. */
export function copyNode(node: Node, naming: Naming): Node {
  const attributes = new Map<string, Attribute>();
  for (const [name, a] of node.attributes) {
    const own = naming.attribute(a);
    if (own === undefined) continue;
    if (own.type === 'graph') attributes.set(name, { type: 'graph', value: copyGraph(own.value, naming) });
    else if (own.type === 'graphs')
      attributes.set(name, { type: 'graphs', value: own.value.map((g) => copyGraph(g, naming)) });
    else attributes.set(name, own);
  }
  const { op, domain, overload, docString, metadata } = node;
  return new Node({
    op,
    domain,
    overload,
    docString,
    metadata,
    attributes,
    name: naming.node(node.name),
    inputs: node.inputs.map(naming.value),
    outputs: node.outputs.map(naming.value),
  });
}

function copyGraph(graph: Graph, naming: Naming): Graph {
  const copy = new Graph(graph.name);
  copy.docString = graph.docString;
  copy.opaque = [...graph.opaque];
  const info = <T extends { name: string }>(i: T): T => ({ ...i, name: naming.value(i.name) });
  copy.inputs = graph.inputs.map(info);
  for (const [name, weight] of graph.initializers) copy.initializers.set(naming.value(name), weight);
  for (const [name, i] of graph.valueInfo) copy.valueInfo.set(naming.value(name), info(i));
  for (const node of graph.nodes) copy.add(copyNode(node, naming));
  copy.outputs = graph.outputs.map(info);
  return copy;
}
