import { elementCount } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { Node } from '../../node.ts';
import type { TypeInfo } from '../../value.ts';
import type { QuantizableOperator } from './quantizable-operator.ts';
import { activationInputs } from './region.ts';

/** Nanoseconds, one thread with VNNI: what one value costs to convert, and what one product saves. */
const COSTS = { quantize: 0.3, dequantize: 0.5, savedPerProduct: 0.006 };
/** With so many weights (3 kB saved) a region pays in bytes, whatever it does to time. */
const WORTH_STORING = 1024;

type Members = ReadonlyMap<Node, QuantizableOperator>;

/**
 * Connected parts of the integer region that cost more in conversions than their arithmetic saves, and hold
 * too few weights to matter. Where shapes are unknown a part is taken to pay; a symbolic dimension counts 1.
 * When nothing pays, nothing is dropped: who asks for integers of a tiny model gets them, and is told the time.
 */
export function unprofitable(
  graph: Graph,
  members: Members,
  types: ReadonlyMap<string, TypeInfo>,
): Set<Node> {
  const found = new Set<Node>();
  for (const part of connectedParts(graph, members)) {
    let weights = 0;
    for (const node of part) {
      const weight = members.get(node)!.role === 'anchor' ? graph.constant(node.inputs[1]!) : undefined;
      weights += weight ? elementCount(weight.dims) : 0;
    }
    if (weights >= WORTH_STORING) continue;
    const balance = savedNs(graph, part, members, types) - conversionNs(graph, part, members, types);
    if (balance < 0) for (const node of part) found.add(node);
  }
  return found.size === members.size ? new Set() : found;
}

function connectedParts(graph: Graph, members: Members): Set<Node>[] {
  const parts: Set<Node>[] = [];
  const seen = new Set<Node>();
  for (const start of members.keys()) {
    if (seen.has(start)) continue;
    const part = new Set<Node>();
    const waiting = [start];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      part.add(node);
      const around = activationInputs(node, members.get(node)!, graph).map((v) => graph.producer(v));
      for (const output of node.outputs) around.push(...graph.consumers(output));
      for (const other of around) if (other && members.has(other)) waiting.push(other);
    }
    parts.push(part);
  }
  return parts;
}

function savedNs(
  graph: Graph,
  part: ReadonlySet<Node>,
  members: Members,
  types: ReadonlyMap<string, TypeInfo>,
): number {
  let products = 0;
  for (const node of part) {
    const row = members.get(node)!;
    const weight = row.role === 'anchor' ? graph.constant(node.inputs[1]!) : undefined;
    if (!weight) continue;
    const { dims } = weight;
    // Products per output value: all of a filter, or the last dimension but one of a matrix.
    const axis = row.weightAxis!(node, dims.length);
    const terms = axis === undefined ? dims.at(-2)! : elementCount(dims) / dims[axis]!;
    products += valueCount(node.outputs[0]!, types) * terms;
  }
  return products * COSTS.savedPerProduct;
}

function conversionNs(
  graph: Graph,
  part: ReadonlySet<Node>,
  members: Members,
  types: ReadonlyMap<string, TypeInfo>,
): number {
  let ns = 0;
  const entries = new Set<string>();
  for (const node of part) {
    for (const value of activationInputs(node, members.get(node)!, graph)) {
      const producer = graph.producer(value);
      if (!producer || !part.has(producer)) entries.add(value);
    }
    for (const output of node.outputs) {
      const consumers = [...graph.consumers(output)];
      const leaves = graph.isOutput(output) || consumers.some((c) => !part.has(c));
      if (output !== '' && leaves) ns += valueCount(output, types, 0) * COSTS.dequantize;
    }
  }
  for (const value of entries) ns += valueCount(value, types, 0) * COSTS.quantize;
  return ns;
}

function valueCount(
  value: string,
  types: ReadonlyMap<string, TypeInfo>,
  unknown = Number.POSITIVE_INFINITY,
): number {
  const type = types.get(value);
  if (type?.kind !== 'tensor' || type.shape === undefined) return unknown;
  if (type.shape.some((d) => d === undefined)) return unknown;
  return elementCount(type.shape.map((d) => (typeof d === 'number' ? d : 1)));
}
