import type { Graph } from '../../graph.ts';
import type { PlannedNode } from './plan.ts';
import { activationInputs } from './region.ts';

/** Values that share scale and zero point. */
export interface ScaleGroup {
  readonly values: readonly string[];
  /** Values whose ranges together are the group's: the others only move or cut what these hold. */
  readonly sources: readonly string[];
  /** The range is known without looking: [0, 1). */
  readonly fixedRange?: 'unit';
}

/**
 * Groups the values that become codes. Pass-through operators share by nature. The inputs of a Concat share
 * with its output when nobody else reads them: then each value is rounded once, not twice.
 */
export function groupValues(graph: Graph, nodes: ReadonlyMap<string, PlannedNode>): ScaleGroup[] {
  const parent = new Map<string, string>();
  const find = (v: string): string => {
    const up = parent.get(v);
    if (up === undefined || up === v) return v;
    const root = find(up);
    parent.set(v, root);
    return root;
  };
  const touch = (v: string) => {
    if (!parent.has(v)) parent.set(v, v);
  };
  const derived = new Set<string>();
  const fixed = new Set<string>();
  const concats: { readonly inputs: readonly string[]; readonly output: string }[] = [];

  for (const [key, planned] of nodes) {
    const node = graph.producer(key)!;
    const { row, outputs } = planned;
    const inputs = activationInputs(node, row, graph);
    for (const v of inputs) touch(v);
    if (planned.floatOutput) continue;
    for (const v of outputs) touch(v);
    if (row.fixedRange) for (const v of outputs) fixed.add(v);
    if (row.role === 'passThrough' || row.role === 'clamp') {
      for (const v of outputs) {
        parent.set(find(v), find(inputs[0]!));
        derived.add(v);
      }
    }
    if (node.op === 'Concat') concats.push({ inputs, output: outputs[0]! });
  }
  const fixedRoots = () => new Set([...fixed].map(find));
  for (const { inputs, output } of concats) {
    for (const v of inputs) {
      if (graph.consumers(v).size > 1 || graph.isOutput(v) || derived.has(v)) continue;
      const roots = fixedRoots();
      if (!roots.has(find(v)) && !roots.has(find(output))) parent.set(find(v), find(output));
    }
  }

  const groups = new Map<string, { values: string[]; sources: string[]; fixedRange?: 'unit' }>();
  for (const v of parent.keys()) {
    const root = find(v);
    let group = groups.get(root);
    if (group === undefined) groups.set(root, (group = { values: [], sources: [] }));
    group.values.push(v);
    if (fixed.has(v)) group.fixedRange = 'unit';
    if (!derived.has(v)) group.sources.push(v);
  }
  return [...groups.values()];
}
