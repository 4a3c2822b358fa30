import type { Graph } from '../../graph.ts';
import type { Node } from '../../node.ts';
import type { TypeInfo } from '../../value.ts';
import type { KeptNodeRecord, NodeFilter } from '../lowering.ts';
import { operators } from './operators.ts';
import type { StaticOptions } from './options.ts';
import { unprofitable } from './payoff.ts';
import type { QuantizableOperator } from './quantizable-operator.ts';

interface Surroundings {
  readonly graph: Graph;
  readonly types: ReadonlyMap<string, TypeInfo>;
  readonly scalars: ReadonlyMap<string, number>;
  readonly options: StaticOptions;
  readonly filter: NodeFilter;
}

export interface Region {
  /** Nodes that compute in integers, in execution order. */
  readonly integer: Map<Node, { readonly row: QuantizableOperator; readonly floatOutput: boolean }>;
  readonly kept: KeptNodeRecord[];
}

const rows: Readonly<Record<string, QuantizableOperator>> = operators;

/** Inputs of a node that carry activations: roles of the row, constants and omitted ones left out. */
export function activationInputs(node: Node, row: QuantizableOperator, graph: Graph): string[] {
  return node.inputs.filter(
    (name, i) => name !== '' && (row.inputs[i] ?? row.rest) === 'activation' && !graph.initializers.has(name),
  );
}

/**
 * Grows the integer region: anchors always; followers between an integer producer and an integer consumer;
 * pass-through operators and clamps that lie on a way between codes. What would only add conversions is left
 * float, and so is everything that the table, the filter or the node's own shape rules out.
 */
export function findRegion({ graph, types, scalars, options, filter }: Surroundings): Region {
  const candidates = new Map<Node, QuantizableOperator>();
  const reasons = new Map<Node, string>();
  const order = graph.topologicalOrder();
  for (const node of order) {
    const row = rows[node.kind];
    if (row === undefined) continue;
    const verdict = judge(node, row, { graph, types, scalars, options, filter });
    if (verdict === true) candidates.set(node, row);
    else if (verdict !== undefined) reasons.set(node, verdict);
  }

  const isPass = (node: Node) => {
    const role = candidates.get(node)?.role;
    return role === 'passThrough' || role === 'clamp';
  };
  /** Some consumer computes on the codes of this value. */
  const wanted = (value: string): boolean => {
    for (const consumer of graph.consumers(value)) {
      const row = candidates.get(consumer);
      if (row === undefined || !activationInputs(consumer, row, graph).includes(value)) continue;
      if (!isPass(consumer) || consumer.outputs.some((o) => o !== '' && wanted(o))) return true;
    }
    return false;
  };
  const givesFloat = (node: Node, row: QuantizableOperator) =>
    row.floatOutput !== undefined && !node.outputs.some(wanted) && !becomesBias(node, graph);
  /** Codes of this value are there anyway. */
  const offered = (value: string): boolean => {
    const producer = graph.producer(value);
    const row = producer && candidates.get(producer);
    if (!producer || !row) return false;
    if (isPass(producer)) return activationInputs(producer, row, graph).some(offered);
    return !givesFloat(producer, row);
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const [node, row] of candidates) {
      if (row.role === 'anchor') continue;
      const inputs = activationInputs(node, row, graph);
      const outputs = node.outputs.filter((o) => o !== '');
      const from = inputs.some(offered);
      const to = outputs.some(wanted);
      // A Relu behind a float Conv belongs to it; an operator that only moves values had better move codes.
      const moves = row.role === 'passThrough' && !row.narrows;
      const useful = moves ? from || to : isPass(node) ? from : from && to;
      if (useful && inputs.length > 0) continue;
      candidates.delete(node);
      if (row.role === 'follower') {
        reasons.set(node, 'its neighbours compute in float: quantizing it would only add conversions');
      }
      changed = true;
    }
  }

  for (const node of unprofitable(graph, candidates, types)) {
    const { role } = candidates.get(node)!;
    candidates.delete(node);
    if (role === 'passThrough' || role === 'clamp') continue;
    reasons.set(node, 'too small: conversions around it would take longer than its arithmetic saves');
  }

  const integer: Region['integer'] = new Map();
  for (const node of order) {
    const row = candidates.get(node);
    if (row) integer.set(node, { row, floatOutput: givesFloat(node, row) });
  }
  const kept = order.flatMap((node) => {
    const why = reasons.get(node);
    return why === undefined ? [] : [{ node: node.name || node.outputs[0]!, op: node.kind, why }];
  });
  return { integer, kept };
}

/** True, why not, or undefined where nobody would expect it to be quantized. */
function judge(
  node: Node,
  row: QuantizableOperator,
  { graph, types, scalars, options, filter }: Surroundings,
): true | string | undefined {
  const dtype = (value: string) => {
    const type = types.get(value);
    return type?.kind === 'tensor' ? type.dtype : undefined;
  };
  const first = node.inputs.find((name, i) => name !== '' && (row.inputs[i] ?? row.rest) === 'activation');
  const known = dtype(first ?? node.inputs[0] ?? '');
  if (known !== undefined && known !== 'float32') {
    return row.role === 'anchor' ? `it computes in ${known}, not float32` : undefined;
  }
  if (row.role === 'none') return row.why;
  if (row.kernel.uint8 === undefined && row.kernel.int8 === undefined) return row.why;
  const allowed = filter(node);
  if (allowed !== true) return allowed;
  if (row.role === 'anchor' && options.depthwise === 'float' && isDepthwise(node)) {
    return 'depthwise layers are kept float';
  }
  if (row.slow && options.slowKernels !== 'int8') {
    return 'its integer kernel is slower than its float one, conversions included';
  }
  return row.accepts?.(node, { graph, types, scalars }) ?? true;
}

/** A convolution in which every channel is on its own. */
export function isDepthwise(node: Node): boolean {
  return node.op === 'Conv' && node.int('group', 1) > 1;
}

/**
 * ONNX Runtime fuses MatMul and an Add of a constant into one float Gemm before it looks for integer
 * operators; only codes between the two prevent it.
 */
function becomesBias(node: Node, graph: Graph): boolean {
  if (node.op !== 'MatMul') return false;
  const consumers = [...graph.consumers(node.outputs[0]!)];
  const add = consumers[0];
  return (
    consumers.length === 1 && add?.kind === 'Add' && add.inputs.some((name) => graph.initializers.has(name))
  );
}
