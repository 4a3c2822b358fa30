import { toFloat32 } from '../../../numerics/index.ts';
import type { Graph } from '../../graph.ts';
import type { Node } from '../../node.ts';
import { loadWeight } from '../../weight.ts';

/** What a Relu or Clip lets through. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Bounds of a Relu or Clip; Clip before opset 11 has them as attributes. */
export async function readClampBounds(node: Node, graph: Graph): Promise<Bounds> {
  if (node.op === 'Relu') return { min: 0, max: Number.POSITIVE_INFINITY };
  return {
    min: (await scalar(graph, node.inputs[1])) ?? node.float('min', Number.NEGATIVE_INFINITY),
    max: (await scalar(graph, node.inputs[2])) ?? node.float('max', Number.POSITIVE_INFINITY),
  };
}

async function scalar(graph: Graph, name: string | undefined): Promise<number | undefined> {
  const weight = graph.constant(name ?? '');
  return weight && toFloat32(await loadWeight(weight))[0];
}
