import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';

/**
 * Takes a node out of the graph: what read its first output reads its first input. An output of the graph
 * keeps its name, so the maker of the input takes the name over; false where there is no maker that can.
 */
export function bypass(graph: Graph, node: Node): boolean {
  const [from, to] = [node.inputs[0]!, node.outputs[0]!];
  if (!graph.isOutput(to)) {
    graph.remove(node);
    graph.replaceUses(to, from);
    return true;
  }
  const maker = graph.producer(from);
  if (maker === undefined || graph.isOutput(from)) return false;
  graph.remove(node);
  graph.setOutput(maker, maker.outputs.indexOf(from), to);
  graph.replaceUses(from, to);
  graph.valueInfo.delete(from);
  return true;
}

/** Nobody reads the value. '' is an omitted output. */
export function isUnused(graph: Graph, value: string): boolean {
  return value === '' || (graph.consumers(value).size === 0 && !graph.isOutput(value));
}

/** The node that alone reads the value, unless it is an output of the graph too. */
export function onlyConsumer(graph: Graph, value: string): Node | undefined {
  const users = graph.consumers(value);
  return users.size === 1 && !graph.isOutput(value) ? [...users][0] : undefined;
}
