import type { Runtime } from '../../runtime/index.ts';
import { throwIfAborted } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';

/** What a pass may use; all of it optional. */
export interface PassContext {
  /** Evaluates constant nodes that have no evaluator here. */
  readonly runtime?: Runtime;
  readonly signal?: AbortSignal;
}

/** What a pass did. `changes` is 0 exactly when the model is as it was. */
export interface PassResult {
  readonly changes: number;
  /** Facts for the user: what was left alone and why. */
  readonly notes: readonly string[];
}

/** A rewrite of a model in place. */
export type Pass = (model: Model, context?: PassContext) => Promise<PassResult>;

/** Names of constants and types that enclosing graphs give to a subgraph. */
export interface Enclosing {
  readonly graph: Graph;
  readonly enclosing?: Enclosing;
}

/**
 * Visits every graph of a model, subgraphs before the graph that holds them, and keeps the use-def index of
 * the holders true. Function bodies are not graphs: inline them first.
 */
export async function everyGraph(
  model: Model,
  visit: (graph: Graph, enclosing: Enclosing | undefined) => Promise<number> | number,
  signal?: AbortSignal,
): Promise<number> {
  const walk = async (graph: Graph, enclosing: Enclosing | undefined): Promise<number> => {
    throwIfAborted(signal);
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const subgraphs = node.subgraphs();
      if (subgraphs.length === 0) continue;
      for (const inner of subgraphs) changes += await walk(inner, { graph, enclosing });
      graph.reindex(node);
    }
    return changes + (await visit(graph, enclosing));
  };
  return walk(model.graph, undefined);
}
