import { fail } from '../../tensor/index.ts';
import type { Attribute } from '../attribute.ts';
import type { Graph } from '../graph.ts';
import type { Model, ModelFunction } from '../model.ts';
import { Node } from '../node.ts';
import { copyNode, freshNames, type Naming } from './copy-nodes.ts';
import { everyGraph, type PassContext, type PassResult } from './pass.ts';

/** Functions that call functions multiply; the largest real graphs have tens of thousands of nodes. */
const nodeLimit = 1_000_000;

/** Functions inside functions; torch exports nest three or four deep. */
const nestingLimit = 256;

/**
 * Replaces every call of a model function by the function's body, so that passes see operators. Values of
 * the body get names of their own; attributes of the call stand where the body refers to them. Operator sets
 * that only bodies speak are added to the model; where a body speaks another version than the model, the
 * function stays a function.
 * @throws graph/recursive-function, graph/function-growth
 */
export async function inlineFunctions(model: Model, context: PassContext = {}): Promise<PassResult> {
  const notes: string[] = [];
  const byKey = new Map<string, ModelFunction>();
  for (const f of model.functions) {
    const clash = [...f.opsets].find(
      ([domain, version]) => (model.opsets.get(domain) ?? version) !== version,
    );
    if (clash === undefined) byKey.set(keyOf(f.domain, f.name, f.overload), f);
    else {
      const [domain, version] = clash;
      const own = `version ${version} of ${domain || 'ai.onnx'} and the model version ${model.opsets.get(domain)}`;
      notes.push(`Function '${f.name}' was not inlined: it speaks ${own}.`);
    }
  }
  refuseGrowth(model, byKey);
  const inlined = new Set<ModelFunction>();
  let changes = 0;
  for (let before = -1; changes !== before; ) {
    before = changes;
    changes += await everyGraph(model, (graph) => inlineCalls(graph, byKey, inlined), context.signal);
  }
  for (const f of inlined)
    for (const [domain, version] of f.opsets)
      if (!model.opsets.has(domain)) model.opsets.set(domain, version);
  return { changes, notes };
}

const keyOf = (domain: string, name: string, overload: string) =>
  `${domain === 'ai.onnx' ? '' : domain}\0${name}\0${overload}`;

type Functions = ReadonlyMap<string, ModelFunction>;

function* callsIn(nodes: Iterable<Node>, functions: Functions): Generator<ModelFunction> {
  for (const node of nodes) {
    const target = functions.get(keyOf(node.domain, node.op, node.overload));
    if (target !== undefined) yield target;
    for (const graph of node.subgraphs()) yield* callsIn(graph.nodes, functions);
  }
}

/** Counts the nodes that inlining would make, before any is made. */
function refuseGrowth(model: Model, functions: Functions): void {
  const sizes = new Map<ModelFunction, number>();
  const open = new Set<ModelFunction>();
  const sizeOf = (f: ModelFunction): number => {
    const known = sizes.get(f);
    if (known !== undefined) return known;
    if (open.has(f)) fail('graph/recursive-function', { function: f.name });
    if (open.size === nestingLimit) fail('graph/function-growth', { function: f.name, limit: nodeLimit });
    open.add(f);
    let size = f.nodes.length;
    for (const target of callsIn(f.nodes, functions)) size += sizeOf(target);
    open.delete(f);
    sizes.set(f, size);
    return size;
  };
  let total = 0;
  for (const f of callsIn(model.graph.nodes, functions)) {
    total += sizeOf(f);
    if (total > nodeLimit) fail('graph/function-growth', { function: f.name, limit: nodeLimit });
  }
}

function inlineCalls(graph: Graph, functions: Functions, inlined: Set<ModelFunction>): number {
  const called = (node: Node) => functions.get(keyOf(node.domain, node.op, node.overload));
  const calls = [...graph.nodes].filter((node) => called(node) !== undefined);
  for (const call of calls) {
    const f = called(call)!;
    inlined.add(f);
    graph.remove(call);
    for (const node of bodyOf(f, call, graph)) graph.add(node);
  }
  return calls.length;
}

/** The body's nodes with the call's names. */
function bodyOf(f: ModelFunction, call: Node, graph: Graph): Node[] {
  const names = new Map<string, string>([['', '']]);
  for (const [i, name] of f.inputs.entries()) names.set(name, call.inputs[i] ?? '');
  const prefix = call.name || call.outputs.find((o) => o !== '') || f.name;
  const passed = new Map<string, string>();
  f.outputs.forEach((name, i) => {
    const outer = call.outputs[i] ?? '';
    if (outer === '') return;
    // An output that is an input, or a second name of one value, needs a node of its own.
    if (names.has(name)) passed.set(outer, names.get(name)!);
    else names.set(name, outer);
  });
  const naming: Naming = {
    value: freshNames(graph, prefix, names),
    node: (name) => (name === '' ? '' : `${prefix}/${name}`),
    attribute: (a) => actualAttribute(a, call, f),
  };
  const nodes = f.nodes.map((node) => copyNode(node, naming));
  for (const [output, input] of passed)
    nodes.push(new Node({ op: 'Identity', inputs: [input], outputs: [output] }));
  return nodes;
}

/** What a reference stands for: the call's attribute, the function's default, or nothing. */
function actualAttribute(a: Attribute, call: Node, f: ModelFunction): Attribute | undefined {
  if (a.type !== 'reference') return a;
  return call.attributes.get(a.name) ?? f.attributeDefaults.get(a.name);
}
