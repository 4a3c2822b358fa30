import type { Graph } from '../graph.ts';
import { loadWeight, type Weight } from '../weight.ts';
import type { Enclosing } from './pass.ts';

/** The numeric constant behind a name, in this graph or in one around it, also through Identity. */
export function constantOf(
  graph: Graph,
  enclosing: Enclosing | undefined,
  value: string,
): Weight | undefined {
  if (value === '') return undefined;
  const own = graph.constant(value);
  if (own !== undefined) return own;
  const maker = graph.producer(value);
  if (maker !== undefined) {
    if (maker.kind === 'Identity') return constantOf(graph, enclosing, maker.inputs[0]!);
    const attribute = maker.kind === 'Constant' ? maker.attributes.get('value') : undefined;
    return attribute?.type === 'tensor' && attribute.value.dtype !== 'string' ? attribute.value : undefined;
  }
  if (graph.isInput(value) || enclosing === undefined) return undefined;
  return constantOf(enclosing.graph, enclosing.enclosing, value);
}

/** A constant of a whole-byte type as plain numbers, row-major. */
export async function numbersOf(weight: Weight): Promise<number[]> {
  const { data } = await loadWeight(weight);
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

/** A float32 constant in memory. Do not modify the result. */
export async function floatsOf(weight: Weight): Promise<Float32Array> {
  const { data } = await loadWeight(weight);
  return data as Float32Array;
}
