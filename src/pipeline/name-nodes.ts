import type { Graph } from '../graph/index.ts';

/** Gives every node a name of its own, so that plans, reports and patterns can speak of it. */
export function nameNodes(graph: Graph): void {
  const taken = new Set<string>();
  for (const node of graph.nodes) {
    const wanted = node.name !== '' ? node.name : `${node.op}_${node.outputs.find((o) => o !== '') ?? ''}`;
    let name = wanted;
    for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
    taken.add(name);
    node.name = name;
    for (const body of node.subgraphs()) nameNodes(body);
  }
}
