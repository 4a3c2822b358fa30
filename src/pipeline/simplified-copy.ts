import { type Model, simplify } from '../graph/index.ts';
import { nameNodes } from './name-nodes.ts';
import type { RunContext } from './run-context.ts';

/** The float graph that lowerings start from and layers are compared in: folded, with a name for every node. */
export async function simplifiedCopy(context: RunContext, model: Model): Promise<Model> {
  const copy = model.clone();
  await simplify(copy, { runtime: context.runtime, ...(context.signal && { signal: context.signal }) });
  nameNodes(copy.graph);
  return copy;
}
