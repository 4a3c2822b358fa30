import { formats, integerCodes } from '../../../numerics/index.ts';
import type { Graph } from '../../graph.ts';
import type { Model } from '../../model.ts';
import type { Node } from '../../node.ts';
import { inferShapes } from '../../passes/infer-shapes.ts';
import type { KeptNodeRecord, NodeFilter } from '../lowering.ts';
import { type Bounds, clampBounds } from './clamp.ts';
import { activationScheme, type StaticOptions } from './options.ts';
import type { QuantizableOperator } from './quantizable-operator.ts';
import { findRegion } from './region.ts';
import { readScalars } from './scalars.ts';
import { groupValues, type ScaleGroup } from './scale-groups.ts';

/** A node that will compute in integers. */
export interface PlannedNode {
  readonly row: QuantizableOperator;
  /** Gives floats although it computes in integers: nobody wants its codes. */
  readonly floatOutput: boolean;
  /** Outputs that will be codes, by the names they end under: an absorbed clamp's output replaces the node's. */
  readonly outputs: readonly string[];
  /** Relu and Clip nodes behind it that its range stands for, with their bounds taken together. */
  readonly clamp?: Bounds & { readonly nodes: readonly string[] };
  /** For a clamp of its own: what it cuts to. */
  readonly bounds?: Bounds;
}

/** What a static lowering will do. Nodes go by their first output's name, so clones of the model share a plan. */
export interface StaticPlan {
  readonly options: StaticOptions;
  readonly nodes: ReadonlyMap<string, PlannedNode>;
  /** Values that become codes; those of one group share scale and zero point. */
  readonly groups: readonly ScaleGroup[];
  /** Values whose range must be known, and how it will be cut. */
  readonly ranges: readonly RangeRequest[];
  readonly kept: readonly KeptNodeRecord[];
  readonly notes: readonly string[];
}

export interface RangeRequest {
  readonly value: string;
  /** What an observer needs to know (calibration's RangeTarget). */
  readonly target: { readonly levels: number; readonly symmetric: boolean };
}

/** The name a plan knows a node by. */
export const planKey = (node: Node): string => node.outputs.find((o) => o !== '') ?? '';

/**
 * Chooses the nodes that compute in integers and the values whose ranges calibration must find. Changes
 * nothing. Nodes inside subgraphs (If, Loop, Scan) stay float.
 */
export async function planStatic(
  model: Model,
  options: StaticOptions,
  filter: NodeFilter = () => true,
): Promise<StaticPlan> {
  const { graph } = model;
  const types = await inferShapes(model);
  const scalars = await readScalars(graph);
  const { integer, kept } = findRegion({ graph, types, scalars, options, filter });

  const nodes = new Map<string, PlannedNode>();
  const clamps = planClamps(graph, integer, scalars);
  for (const [node, { row, floatOutput }] of integer) {
    if (clamps.absorbed.has(node)) continue;
    const clamp = clamps.behind.get(node);
    const bounds = clamps.bounds.get(node);
    const outputs = node.outputs.filter((o) => o !== '').map((o) => clamp?.output ?? o);
    nodes.set(planKey(node), {
      row,
      floatOutput,
      outputs,
      ...(clamp && { clamp: { min: clamp.min, max: clamp.max, nodes: clamp.nodes } }),
      ...(bounds && { bounds }),
    });
  }
  const groups = groupValues(graph, nodes);
  return {
    options,
    nodes,
    groups,
    ranges: rangeRequests(groups, options),
    kept,
    notes: notesOf(model, options),
  };
}

function rangeRequests(groups: readonly ScaleGroup[], options: StaticOptions): RangeRequest[] {
  const { symmetric, restricted, reduced, format } = activationScheme(options);
  const codes = integerCodes(formats[format].bits, formats[format].minCode < 0, {
    symmetric,
    restricted,
    reduced,
  });
  const target = { levels: codes.maxCode - codes.minCode + 1, symmetric };
  return groups.flatMap((g) => (g.fixedRange ? [] : g.sources.map((value) => ({ value, target }))));
}

interface AbsorbedClamp extends Bounds {
  readonly nodes: string[];
  readonly output: string;
}

/** Relu and Clip that melt into their producer, and the bounds of those that stay. */
function planClamps(
  graph: Graph,
  integer: ReturnType<typeof findRegion>['integer'],
  scalars: ReadonlyMap<string, number>,
) {
  const absorbed = new Set<Node>();
  const behind = new Map<Node, AbsorbedClamp>();
  const bounds = new Map<Node, Bounds>();
  for (const [node, { row, floatOutput }] of integer) {
    if (row.role === 'clamp') {
      if (!absorbed.has(node)) bounds.set(node, clampBounds(node, scalars));
      continue;
    }
    if (!row.absorbsClamp || floatOutput) continue;
    let output = node.outputs[0]!;
    let found: AbsorbedClamp | undefined;
    for (;;) {
      const consumers = [...graph.consumers(output)];
      const next = consumers[0];
      if (consumers.length !== 1 || next === undefined || graph.isOutput(output)) break;
      if (integer.get(next)?.row.role !== 'clamp') break;
      const own = clampBounds(next, scalars);
      absorbed.add(next);
      bounds.delete(next);
      output = next.outputs[0]!;
      found = {
        nodes: [...(found?.nodes ?? []), planKey(next)],
        output,
        min: Math.max(found?.min ?? Number.NEGATIVE_INFINITY, own.min),
        max: Math.min(found?.max ?? Number.POSITIVE_INFINITY, own.max),
      };
    }
    if (found) behind.set(node, found);
  }
  return { absorbed, behind, bounds };
}

function notesOf(model: Model, { activations }: StaticOptions): string[] {
  const notes: string[] = [];
  if (formats[activations.format].bits > 8) {
    notes.push(
      '16-bit activations have no integer kernel in ONNX Runtime on a CPU: the model computes in float and saves only bytes.',
    );
  }
  if (activations.format === 'int8') {
    notes.push(
      'int8 activations run 2 to 4 times slower than uint8 ones in ONNX Runtime on x86, in QOperator form slower than float: they are for accelerators that have no uint8.',
    );
  }
  if (activations.format === 'int8' && model.opset >= 21) {
    notes.push(
      'ONNX Runtime 1.30 on x86 may refuse int8 activations in models of opset 21 and later; uint8 activations load everywhere.',
    );
  }
  if ([...model.graph.nodes].some((n) => n.subgraphs().length > 0)) {
    notes.push('Nodes inside If, Loop and Scan stay float.');
  }
  return notes;
}
