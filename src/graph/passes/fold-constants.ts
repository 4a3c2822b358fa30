import { byteLengthOf, elementCount, float32, int64, tensor, throwIfAborted } from '../../tensor/index.ts';
import type { StringTensor } from '../attribute.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import type { TypeInfo } from '../value.ts';
import { lazyWeight, loadWeight, type Weight, weightOf } from '../weight.ts';
import { onlyConsumer } from './bypass.ts';
import { constantOf } from './constant.ts';
import { evaluators, hasSlots, type Numbers, runConstantNode } from './evaluators/index.ts';
import { inferValues } from './infer-shapes.ts';
import type { Enclosing, PassContext, PassResult } from './pass.ts';
import { numbers } from './shape-rules/index.ts';

/** Results up to this size are computed and stored; larger ones only where the model does not grow. */
export const foldLimitBytes = 1 << 20;

/** Operators that only move elements: their result is a view that is computed when it is read. */
const movers = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice']);

/** A few bytes make any amount of these: only where the size is known beforehand. */
const growers = new Set(['Expand', 'Tile']);

/** From this IR version on an initializer need not be an input. */
const freeInitializers = 4;

/**
 * Replaces what depends on constants only by constants: Constant nodes become initializers, shapes that are
 * known become numbers, and operators in the table of evaluators are computed. With a runtime in the
 * context, other deterministic standard operators are computed by it. Quantized weights stay quantized.
 */
export async function foldConstants(model: Model, context: PassContext = {}): Promise<PassResult> {
  const values = await inferValues(model, { annotations: false });
  const run: Run = { model, context, ...values, changes: 0 };
  await foldGraph(model.graph, undefined, run);
  if (run.changes > 0) model.irVersion = Math.max(model.irVersion, freeInitializers);
  return { changes: run.changes, notes: [] };
}

interface Run {
  readonly model: Model;
  readonly context: PassContext;
  readonly types: ReadonlyMap<string, TypeInfo>;
  readonly contents: ReadonlyMap<string, readonly unknown[]>;
  changes: number;
}

async function foldGraph(graph: Graph, enclosing: Enclosing | undefined, run: Run): Promise<void> {
  for (const node of graph.topologicalOrder()) {
    throwIfAborted(run.context.signal);
    for (const inner of node.subgraphs()) await foldGraph(inner, { graph, enclosing }, run);
    if (node.subgraphs().length > 0) graph.reindex(node);
    else if (await foldNode(graph, enclosing, node, run)) run.changes++;
  }
}

async function foldNode(
  graph: Graph,
  enclosing: Enclosing | undefined,
  node: Node,
  run: Run,
): Promise<boolean> {
  if (node.outputs.some((o) => graph.isOutput(o))) return false;
  const results =
    fromAttribute(node) ?? fromContent(node, run) ?? (await evaluate(graph, enclosing, node, run));
  if (results === undefined) return false;
  graph.remove(node);
  node.outputs.forEach((name, i) => {
    if (name === '') return;
    graph.initializers.set(name, results[i]!);
    graph.valueInfo.delete(name);
  });
  return true;
}

/** The value of a Constant node; sparse ones stay. */
function fromAttribute(node: Node): (Weight | StringTensor)[] | undefined {
  if (node.kind !== 'Constant') return undefined;
  for (const [name, a] of node.attributes) {
    if (name === 'value' && a.type === 'tensor') return [a.value];
    if (a.type === 'float') return [weightOf(float32([], [a.value]))];
    if (a.type === 'floats') return [weightOf(float32([a.value.length], a.value))];
    if (a.type === 'int') return [weightOf(tensor('int64', [], BigInt64Array.of(a.value)))];
    if (a.type === 'ints') return [weightOf(tensor('int64', [a.value.length], BigInt64Array.from(a.value)))];
  }
  return undefined;
}

/** A value that follows from known shapes although its inputs are not constants. */
function fromContent(node: Node, { types, contents }: Run): Weight[] | undefined {
  if (node.outputs.length !== 1) return undefined;
  const name = node.outputs[0]!;
  const type = types.get(name);
  const content = numbers(contents.get(name) as (number | undefined)[] | undefined);
  if (type?.kind !== 'tensor' || type.dtype !== 'int64' || content === undefined) return undefined;
  const dims = numbers(type.shape);
  if (dims === undefined || elementCount(dims) !== content.length) return undefined;
  return content.every(Number.isSafeInteger) ? [weightOf(int64(dims, content))] : undefined;
}

async function evaluate(
  graph: Graph,
  enclosing: Enclosing | undefined,
  node: Node,
  run: Run,
): Promise<Weight[] | undefined> {
  const evaluator = evaluators[node.kind];
  const { runtime } = run.context;
  if (evaluator === undefined && runtime === undefined) return undefined;
  const weights = node.inputs.map((name) => constantOf(graph, enclosing, name));
  if (node.inputs.length === 0 || node.inputs.some((name, i) => name !== '' && weights[i] === undefined))
    return undefined;
  if (node.kind === 'ConstantOfShape') weights[1] = fillOf(node);
  const [inputBytes, outputBytes] = [bytesOf(weights), outputBytesOf(node, run.types)];
  const compute = async () => {
    if (evaluator === undefined) return runConstantNode(run.model, node, weights, runtime!);
    const inputs = await Promise.all(weights.map((w) => w && (loadWeight(w) as Promise<Numbers>)));
    if (inputs.some((t) => t !== undefined && !hasSlots(t))) return undefined;
    return evaluator({ node, opset: run.model.opset, inputs });
  };
  if (outputBytes !== undefined && outputBytes > foldLimitBytes) {
    const shrinks =
      outputBytes <= inputBytes && node.inputs.every((i) => i === '' || onlyConsumer(graph, i) === node);
    return shrinks && movers.has(node.kind) ? moved(compute) : undefined;
  }
  if (outputBytes === undefined && (inputBytes > foldLimitBytes || growers.has(node.kind))) return undefined;
  const results = await compute();
  if (results === undefined || results.length < node.outputs.length) return undefined;
  const small = results.every((t) => byteLengthOf(t.dtype, elementCount(t.dims)) <= foldLimitBytes);
  return small ? results.map((t) => weightOf(t)) : undefined;
}

/** A large constant in another order: moved whenever it is read, so that only one is held in memory. */
async function moved(compute: () => Promise<readonly Numbers[] | undefined>): Promise<Weight[] | undefined> {
  const once = (await compute())?.[0];
  if (once === undefined) return undefined;
  const { dtype, dims } = once;
  const produce = async () => {
    const view = (await compute())![0]!.data as ArrayBufferView;
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };
  return [lazyWeight(dtype, dims, produce)];
}

function fillOf(node: Node): Weight | undefined {
  const value = node.attributes.get('value');
  return value?.type === 'tensor' && value.value.dtype !== 'string' ? value.value : undefined;
}

const bytesOf = (weights: readonly (Weight | undefined)[]) =>
  weights.reduce((sum, w) => sum + (w?.byteLength ?? 0), 0);

/** Bytes of all outputs, when their shapes are known. */
function outputBytesOf(node: Node, types: ReadonlyMap<string, TypeInfo>): number | undefined {
  let total = 0;
  for (const name of node.outputs) {
    const type = types.get(name);
    if (type?.kind !== 'tensor' || type.dtype === undefined) return undefined;
    const dims = numbers(type.shape);
    if (dims === undefined) return undefined;
    total += byteLengthOf(type.dtype, elementCount(dims));
  }
  return total;
}
