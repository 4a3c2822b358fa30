import { type Graph, usesOf } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import { everyGraph, type PassContext, type PassResult } from './pass.ts';

/**
 * Removes what no output depends on: nodes, initializers, type annotations, functions that nobody calls.
 * Inputs stay, as they are the model's interface.
 */
export async function removeDeadCode(model: Model, context: PassContext = {}): Promise<PassResult> {
  let changes = await everyGraph(model, sweep, context.signal);
  const called = calledFunctions(model);
  const kept = model.functions.filter((f) => called.has(functionKey(f)));
  changes += model.functions.length - kept.length;
  model.functions = kept;
  return { changes, notes: [] };
}

function sweep(graph: Graph): number {
  let changes = 0;
  const live = liveNodes(graph);
  for (const node of [...graph.nodes]) {
    if (live.has(node)) continue;
    graph.remove(node);
    changes++;
  }
  for (const name of [...graph.initializers.keys()]) {
    if (graph.consumers(name).size > 0 || graph.isOutput(name) || graph.isInput(name)) continue;
    graph.initializers.delete(name);
    changes++;
  }
  for (const name of [...graph.valueInfo.keys()]) {
    if (graph.producer(name) !== undefined || graph.initializers.has(name)) continue;
    graph.valueInfo.delete(name);
    changes++;
  }
  return changes;
}

function liveNodes(graph: Graph): Set<Node> {
  const live = new Set<Node>();
  const waiting = graph.outputs.map((o) => graph.producer(o.name));
  for (let node = waiting.pop(); node !== undefined || waiting.length > 0; node = waiting.pop()) {
    if (node === undefined || live.has(node)) continue;
    live.add(node);
    for (const value of usesOf(node)) waiting.push(graph.producer(value));
  }
  return live;
}

const functionKey = (f: { domain: string; name: string; overload: string }) =>
  `${f.domain === 'ai.onnx' ? '' : f.domain}\0${f.name}\0${f.overload}`;

function calledFunctions(model: Model): Set<string> {
  const byKey = new Map(model.functions.map((f) => [functionKey(f), f]));
  const called = new Set<string>();
  const visit = (nodes: Iterable<Node>) => {
    for (const node of nodes) {
      for (const graph of node.subgraphs()) visit(graph.nodes);
      const key = functionKey({ domain: node.domain, name: node.op, overload: node.overload });
      const target = byKey.get(key);
      if (target === undefined || called.has(key)) continue;
      called.add(key);
      visit(target.nodes);
    }
  };
  visit(model.graph.nodes);
  return called;
}
