import { affineParameters, formats, type Scheme, toFloat32 } from '../../../numerics/index.ts';
import { elementCount, fail, type Tensor, tensor } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { Model } from '../../model.ts';
import type { Node } from '../../node.ts';
import { loadWeight, weightOf } from '../../weight.ts';
import type { LoweringResult, WeightQuantizer } from '../lowering.ts';
import { emitQdq } from './emit-qdq.ts';
import { emitQOperator } from './emit-qoperator.ts';
import { activationScheme, staticOpset, weightScheme } from './options.ts';
import type { PlannedNode, StaticPlan } from './plan.ts';
import type { ScaleGroup } from './scale-groups.ts';
import { ConstantStore, type QuantizedConstant } from './weights.ts';

/** A range of real values (calibration's Range). */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

export interface StaticResult extends LoweringResult {
  /**
   * Float value -> the value of the lowered model that stands for it, dequantized, for per-layer comparison.
   * Values whose clamp melted into their producer exist nowhere any more and are absent.
   */
  readonly valueMap: ReadonlyMap<string, string>;
  /** Float value -> the value of the lowered model that holds its codes, with what they mean. */
  readonly codes: ReadonlyMap<string, CodedValue>;
}

/** real = (code - zeroPoint) * scale */
export interface CodedValue {
  readonly codes: string;
  readonly scale: number;
  readonly zeroPoint: number;
}

export interface ApplyOptions {
  readonly quantizeWeight: WeightQuantizer;
  /** QDQ: float operators between QuantizeLinear and DequantizeLinear. QOperator: integer operators. */
  readonly form: 'qdq' | 'qoperator';
}

/** Scale and zero point of a value, as numbers and as initializers. */
export interface ValueParameters {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly scaleName: string;
  readonly zeroPointName: string;
}

/** A node with everything its integer form needs. */
export interface PreparedNode {
  readonly node: Node;
  readonly planned: PlannedNode;
  /** By input index. */
  readonly constants: ReadonlyMap<number, QuantizedConstant>;
  /** int32 bias: names of codes and scale. */
  readonly bias?: { readonly codes: string; readonly scale: string; readonly axis: number | undefined };
  /** Codes that a clamp cuts to, when saturation alone does not. */
  readonly clamp?: { readonly min: number; readonly max: number };
}

export interface EmitContext {
  readonly model: Model;
  readonly graph: Graph;
  readonly scheme: Scheme;
  readonly nodes: readonly PreparedNode[];
  readonly parameters: ReadonlyMap<string, ValueParameters>;
  readonly valueMap: Map<string, string>;
  readonly codes: Map<string, CodedValue>;
}

/**
 * Rewrites a model in place as its plan says. `ranges` holds one range for each of `plan.ranges`.
 * @throws lowering/range-missing, lowering/opset, lowering/form
 */
export async function applyStatic(
  model: Model,
  plan: StaticPlan,
  ranges: ReadonlyMap<string, ValueRange>,
  { quantizeWeight, form }: ApplyOptions,
): Promise<StaticResult> {
  const { graph } = model;
  const scheme = activationScheme(plan.options);
  const { bits } = formats[scheme.format];
  if (bits > 8 && form === 'qoperator') fail('lowering/form', { format: scheme.format, form });
  const wanted = staticOpset(plan.options);
  if (model.opset < wanted) fail('lowering/opset', { got: model.opset, wanted, what: 'static quantization' });

  const unusedBefore = new Set([...graph.initializers.keys()].filter((n) => graph.consumers(n).size === 0));
  const parameters = valueParameters(graph, plan, ranges, scheme);
  const store = new ConstantStore(graph, quantizeWeight);
  const nodes: PreparedNode[] = [];
  for (const [key, planned] of plan.nodes) {
    const node = graph.producer(key)!;
    nodes.push(await prepare(node, planned, { graph, plan, parameters, store, scheme }));
  }
  const valueMap = new Map<string, string>();
  const codes = new Map<string, CodedValue>();
  const context: EmitContext = { model, graph, scheme, nodes, parameters, valueMap, codes };
  if (form === 'qdq') emitQdq(context);
  else emitQOperator(context);
  for (const name of [...graph.initializers.keys()]) {
    const unused = graph.consumers(name).size === 0 && !graph.isOutput(name) && !graph.isInput(name);
    if (unused && !unusedBefore.has(name)) graph.initializers.delete(name);
  }
  graph.sort();
  return { quantized: store.records, kept: plan.kept, notes: plan.notes, valueMap, codes };
}

function valueParameters(
  graph: Graph,
  plan: StaticPlan,
  ranges: ReadonlyMap<string, ValueRange>,
  scheme: Scheme,
): Map<string, ValueParameters> {
  const parameters = new Map<string, ValueParameters>();
  for (const group of plan.groups) {
    const { scale, zeroPoint } = groupParameters(group, ranges, scheme);
    const first = group.values[0]!;
    const { dtype } = formats[scheme.format];
    const zero = formats[scheme.format].createCodes(1).fill(zeroPoint);
    const shared = {
      scale,
      zeroPoint,
      scaleName: graph.addConstant(`${first}_scale`, weightOf(tensor('float32', [], Float32Array.of(scale)))),
      zeroPointName: graph.addConstant(
        `${first}_zero_point`,
        weightOf({ dtype, dims: [], data: zero } as Tensor<'int8'>),
      ),
    };
    for (const value of group.values) parameters.set(value, shared);
  }
  return parameters;
}

function groupParameters(
  group: ScaleGroup,
  ranges: ReadonlyMap<string, ValueRange>,
  scheme: Scheme,
): { scale: number; zeroPoint: number } {
  if (group.fixedRange === 'unit') {
    // [0, 1): ONNX Runtime's kernels want one step per code and the lowest code for 0.
    const { bits, minCode } = formats[scheme.format];
    return { scale: 2 ** -bits, zeroPoint: minCode };
  }
  let min = 0;
  let max = 0;
  for (const value of group.sources) {
    const range = ranges.get(value);
    if (range === undefined) fail('lowering/range-missing', { value });
    min = Math.min(min, range.min);
    max = Math.max(max, range.max);
  }
  return affineParameters({ min, max }, scheme);
}

interface Preparation {
  readonly graph: Graph;
  readonly plan: StaticPlan;
  readonly parameters: ReadonlyMap<string, ValueParameters>;
  readonly store: ConstantStore;
  readonly scheme: Scheme;
}

async function prepare(node: Node, planned: PlannedNode, p: Preparation): Promise<PreparedNode> {
  const { graph, plan, parameters, store, scheme } = p;
  const { row } = planned;
  const constants = new Map<number, QuantizedConstant>();
  let bias: PreparedNode['bias'];
  for (const [index, name] of node.inputs.entries()) {
    const role = row.inputs[index] ?? row.rest;
    if (name === '' || role === undefined || role === 'parameter') continue;
    const weight = graph.constant(name);
    if (role === 'weight' && weight) {
      const axis = row.weightAxis!(node, weight.dims.length);
      const input = parameters.get(node.inputs[0]!)!;
      const values = await biasValues(node, graph, weight.dims[axis ?? 0]!);
      const constant = await store.weight({
        node,
        index,
        scheme: weightScheme(plan.options, axis),
        factor: node.op === 'Gemm' ? node.float('alpha', 1) : 1,
        ...(values && { meets: { scale: input.scale, bias: values } }),
      });
      constants.set(index, constant);
      if (values) bias = store.bias(node.inputs[2]!, values, input.scale, constant);
    } else if (role === 'activation' && weight) {
      constants.set(index, await store.weight({ node, index, scheme, factor: 1 }));
    }
  }
  return { node, planned, constants, ...(bias && { bias }), ...clampCodes(planned, parameters, scheme) };
}

/** The bias, one value per output channel, times beta. */
async function biasValues(node: Node, graph: Graph, channels: number): Promise<Float32Array | undefined> {
  const bias = graph.constant(node.inputs[2] ?? '');
  if (bias === undefined) return undefined;
  const values = toFloat32(await loadWeight(bias));
  const beta = node.op === 'Gemm' ? node.float('beta', 1) : 1;
  const one = elementCount(bias.dims) === 1;
  return Float32Array.from({ length: channels }, (_, i) => beta * values[one ? 0 : i]!);
}

/** Codes of the bounds of a clamp; nothing when the codes' own range lies within them. */
function clampCodes(
  planned: PlannedNode,
  parameters: ReadonlyMap<string, ValueParameters>,
  scheme: Scheme,
): { clamp?: { min: number; max: number } } {
  const bounds = planned.clamp ?? planned.bounds;
  if (!bounds) return {};
  const { scale, zeroPoint } = parameters.get(planned.outputs[0]!)!;
  const { minCode, maxCode } = formats[scheme.format];
  const code = (x: number) => Math.max(minCode, Math.min(maxCode, Math.round(x / scale) + zeroPoint));
  const min = code(bounds.min);
  const max = code(bounds.max);
  return planned.clamp && min === minCode && max === maxCode ? {} : { clamp: { min, max } };
}
