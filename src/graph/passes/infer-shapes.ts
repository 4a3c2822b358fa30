import { byteLengthOf, elementCount } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import type { Dim, TypeInfo, ValueInfo } from '../value.ts';
import { loadWeight, type Weight } from '../weight.ts';
import { contentLimit } from './shape-rules/content.ts';
import {
  contentRules,
  either,
  merge,
  type RuleContext,
  shapeRules,
  type Type,
  unknown,
} from './shape-rules/index.ts';

/** What inference may believe. */
export interface InferShapesOptions {
  /** Whether the model's own annotations of intermediate values count where the rules know less. Default true. */
  readonly annotations?: boolean;
}

/**
 * Types of the values of a model and its subgraphs, by name: from the table of rules, then from what the
 * model itself says. What neither knows is absent; dimensions keep their symbols. Two subgraphs may use one
 * name for different values: then only what holds of both is given. Calls of model functions are unknown:
 * inline them first.
 */
export async function inferShapes(
  model: Model,
  options: InferShapesOptions = {},
): Promise<Map<string, TypeInfo>> {
  return (await inferValues(model, options)).types;
}

/** Types, and what small tensors hold as far as it follows from shapes and constants. */
export async function inferValues(
  model: Model,
  { annotations = true }: InferShapesOptions,
): Promise<{ types: Map<string, TypeInfo>; contents: Map<string, readonly Dim[]> }> {
  const constants = new Map<Weight, readonly Dim[]>();
  await loadSmallConstants(model.graph, constants);
  const run: Run = { model, constants, annotations, found: new Map(), contents: new Map() };
  inferGraph(model.graph, [], run);
  const types = new Map<string, TypeInfo>();
  for (const [name, { dtype, shape }] of run.found) {
    if (dtype !== undefined || shape !== undefined) types.set(name, { kind: 'tensor', dtype, shape });
  }
  return { types, contents: run.contents };
}

interface Run {
  readonly model: Model;
  readonly annotations: boolean;
  readonly constants: ReadonlyMap<Weight, readonly Dim[]>;
  readonly found: Map<string, Type>;
  readonly contents: Map<string, readonly Dim[]>;
}

interface Scope {
  readonly types: Map<string, Type>;
  readonly contents: Map<string, readonly Dim[]>;
  readonly outer?: Scope;
}

function inferGraph(graph: Graph, inputs: readonly Type[], run: Run, outer?: Scope): Type[] {
  const scope: Scope = { types: new Map(), contents: new Map(), outer };
  graph.inputs.forEach((info, i) => {
    scope.types.set(info.name, merge(inputs[i] ?? unknown, declared(info)));
  });
  for (const [name, weight] of graph.initializers) {
    scope.types.set(name, { dtype: weight.dtype, shape: weight.dims });
    if (graph.isInput(name) || weight.dtype === 'string') continue;
    const content = run.constants.get(weight);
    if (content !== undefined) scope.contents.set(name, content);
  }
  const trusted = run.annotations ? [...graph.outputs, ...graph.valueInfo.values()] : [];
  const annotations = new Map(trusted.map((i) => [i.name, i]));
  for (const node of graph.topologicalOrder()) inferNode(node, scope, run, annotations);
  for (const [name, type] of scope.types) {
    const before = run.found.get(name);
    // A name met again, in a sibling branch or in another turn of the same body.
    run.found.set(name, before === undefined ? type : either(before, type));
    const content = scope.contents.get(name);
    if (before === undefined && content !== undefined) run.contents.set(name, content);
    else if (content?.join() !== run.contents.get(name)?.join()) run.contents.delete(name);
  }
  return graph.outputs.map((o) => lookUpType(scope, o.name));
}

function inferNode(node: Node, scope: Scope, run: Run, annotations: ReadonlyMap<string, ValueInfo>): void {
  const context: RuleContext = {
    node,
    opset: run.model.opsets.get(node.domain === 'ai.onnx' ? '' : node.domain) ?? 0,
    input: (i) => lookUpType(scope, node.inputs[i] ?? ''),
    has: (i) => (node.inputs[i] ?? '') !== '',
    content: (i) => (i < 0 ? attributeContent(node, run) : lookUpContent(scope, node.inputs[i] ?? '')),
    subgraph: (graph, inputs) => inferGraph(graph, inputs, run, scope),
  };
  const types = shapeRules[node.kind]?.(context) ?? [];
  node.outputs.forEach((name, i) => {
    if (name === '') return;
    const annotation = annotations.get(name);
    const type = merge(
      possible(types[i] ?? unknown),
      annotation === undefined ? unknown : declared(annotation),
    );
    scope.types.set(name, type);
    if (i > 0) return;
    const content =
      contentRules[node.kind]?.(context, type.shape) ??
      (node.kind === 'Constant' ? attributeContent(node, run) : undefined);
    if (content !== undefined && content.length <= contentLimit) scope.contents.set(name, content);
  });
}

/** Sizes that no tensor has (a stride of 0, a negative pad) are not known. */
function possible({ dtype, shape }: Type): Type {
  const fits = (d: Dim) => (typeof d === 'number' && !(Number.isSafeInteger(d) && d >= 0) ? undefined : d);
  return { dtype, shape: shape?.map(fits) };
}

function declared(info: ValueInfo): Type {
  return info.type?.kind === 'tensor' ? { dtype: info.type.dtype, shape: info.type.shape } : unknown;
}

function lookUpType(scope: Scope | undefined, name: string): Type {
  for (let s = scope; s !== undefined && name !== ''; s = s.outer) {
    const type = s.types.get(name);
    if (type !== undefined) return type;
  }
  return unknown;
}

function lookUpContent(scope: Scope | undefined, name: string): readonly Dim[] | undefined {
  for (let s = scope; s !== undefined && name !== ''; s = s.outer) {
    if (s.types.has(name)) return s.contents.get(name);
  }
  return undefined;
}

function attributeContent(node: Node, run: Run): readonly Dim[] | undefined {
  const value = node.attributes.get('value');
  return value?.type === 'tensor' && value.value.dtype !== 'string'
    ? run.constants.get(value.value)
    : undefined;
}

/** Scalars and short vectors are read before the rules run, so that the rules need not wait. */
async function loadSmallConstants(graph: Graph, into: Map<Weight, readonly Dim[]>): Promise<void> {
  for (const weight of graph.initializers.values()) if (weight.dtype !== 'string') await load(weight, into);
  for (const node of graph.nodes) {
    const value = node.attributes.get('value');
    if (value?.type === 'tensor' && value.value.dtype !== 'string') await load(value.value, into);
    for (const inner of node.subgraphs()) await loadSmallConstants(inner, into);
  }
}

/** Types whose numbers stand in the array as they are. */
const readable = new Set(['int64', 'int32', 'uint8', 'bool', 'float32', 'float64']);

async function load(weight: Weight, into: Map<Weight, readonly Dim[]>): Promise<void> {
  const count = elementCount(weight.dims);
  if (weight.dims.length > 1 || count > contentLimit || !readable.has(weight.dtype)) return;
  if (byteLengthOf(weight.dtype, count) !== weight.byteLength) return;
  const { data } = await loadWeight(weight);
  into.set(weight, Array.from(data as ArrayLike<number | bigint>, Number));
}
