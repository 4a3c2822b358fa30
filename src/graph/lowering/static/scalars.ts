import { toFloat32 } from '../../../numerics/index.ts';
import { elementCount } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import { loadWeight } from '../../weight.ts';

/** Every float32 constant of one value: bounds of Clip, values of Pad. */
export async function readScalars(graph: Graph): Promise<Map<string, number>> {
  const scalars = new Map<string, number>();
  for (const name of graph.initializers.keys()) {
    const weight = graph.constant(name);
    if (weight?.dtype !== 'float32' || elementCount(weight.dims) !== 1) continue;
    scalars.set(name, toFloat32(await loadWeight(weight))[0]!);
  }
  return scalars;
}
