import { fail } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import type { Model, ModelFunction } from '../model.ts';
import { Node } from '../node.ts';
import type { TypeInfo } from '../value.ts';
import { freezeInitializers } from './freeze-initializers.ts';
import { inferShapes } from './infer-shapes.ts';
import { opsetSteps, StepContext } from './opset-steps/index.ts';
import type { Enclosing, PassContext, PassResult } from './pass.ts';

/** Versions of ai.onnx that the table of steps covers. */
export const knownOpsets = { first: 7, last: 26 } as const;

/** The IR version that came with each version of ai.onnx. */
const irVersions: readonly (readonly [opset: number, irVersion: number])[] = [
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
  [7, 3],
];

/**
 * Raises ai.onnx to version `target`, node by node and version by version, in subgraphs and function bodies
 * too, and the IR version with it. A model that speaks `target` or a newer version stays as it is.
 * After an error the model is half raised: let go of it.
 * @throws graph/opset-range, graph/opset-change naming a node that has no newer form
 */
export async function raiseOpset(
  model: Model,
  target: number,
  _context: PassContext = {},
): Promise<PassResult> {
  const { opset } = model;
  if (target > knownOpsets.last || (opset < target && opset < knownOpsets.first))
    fail('graph/opset-range', { opset, target, known: [knownOpsets.first, knownOpsets.last] });
  const result = { changes: 0, notes: [] as string[] };
  if (opset < target) {
    if (model.irVersion < 4) result.notes.push(...(await freezeInitializers(model)).notes);
    const types = await inferShapes(model);
    for (let from = opset; from < target; from++) {
      result.changes += await raiseGraph(model.graph, from, types, undefined);
    }
    model.opsets.set('', target);
    result.changes++;
  }
  model.functions = await Promise.all(
    model.functions.map(async (f) => {
      const version = f.opsets.get('') ?? target;
      if (version >= target) return f;
      result.changes++;
      return raiseFunction(f, version, target);
    }),
  );
  const irVersion = irVersions.find(([first]) => model.opset >= first)?.[1] ?? 0;
  if (result.changes > 0) model.irVersion = Math.max(model.irVersion, irVersion);
  return result;
}

async function raiseGraph(
  graph: Graph,
  from: number,
  types: ReadonlyMap<string, TypeInfo>,
  enclosing: Enclosing | undefined,
): Promise<number> {
  let changes = 0;
  for (const node of [...graph.nodes]) {
    for (const inner of node.subgraphs())
      changes += await raiseGraph(inner, from, types, { graph, enclosing });
    if (node.subgraphs().length > 0) graph.reindex(node);
    const step = node.kind === node.op ? opsetSteps[node.op]?.[from + 1] : undefined;
    if (step === undefined) continue;
    await step(new StepContext(graph, node, from, types, enclosing));
    changes++;
  }
  return changes;
}

/** A function body has no initializers: constants become Constant nodes before the others. */
async function raiseFunction(f: ModelFunction, version: number, target: number): Promise<ModelFunction> {
  if (version < knownOpsets.first)
    fail('graph/opset-range', { opset: version, target, known: [knownOpsets.first, knownOpsets.last] });
  const graph = new Graph(f.name);
  graph.inputs = f.inputs.map((name) => ({ name, type: undefined }));
  graph.outputs = f.outputs.map((name) => ({ name, type: undefined }));
  const types = new Map<string, TypeInfo>();
  for (const info of f.valueInfo) if (info.type !== undefined) types.set(info.name, info.type);
  for (const node of f.nodes) graph.add(new Node(node));
  for (let from = version; from < target; from++) await raiseGraph(graph, from, types, undefined);
  const constants = [...graph.initializers].map(
    ([name, value]) =>
      new Node({
        op: 'Constant',
        inputs: [],
        outputs: [name],
        attributes: { value: { type: 'tensor', value } },
      }),
  );
  return {
    ...f,
    nodes: [...constants, ...graph.topologicalOrder()],
    opsets: new Map([...f.opsets, ['', target]]),
  };
}
