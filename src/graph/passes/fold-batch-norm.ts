import { elementCount, float32, tensor } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import type { TypeInfo } from '../value.ts';
import { type Weight, weightOf } from '../weight.ts';
import { type Affine, affineOfBatchNorm, affineOfConstant } from './affine.ts';
import { bypass, isUnused, onlyConsumer } from './bypass.ts';
import { constantOf, floatsOf, numbersOf } from './constant.ts';
import { inferShapes } from './infer-shapes.ts';
import { type Enclosing, everyGraph, type PassContext, type PassResult } from './pass.ts';

/** What is folded beside batch norms. */
export interface FoldBatchNormOptions extends PassContext {
  /** Also folds Mul, Div, Add and Sub by per-channel constants that follow a convolution or Gemm. */
  readonly constants?: boolean;
}

/**
 * Folds BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul before it, or after it where that is
 * exact: W' = W * s, b' = b * s + t with s = scale / sqrt(var + epsilon), t = B - mean * s (Jacob et al.
 * 2018, section 3.2). Computed in float64, stored in float32. A linear node that somebody else reads too is
 * left alone; a weight that others use is copied. Nodes exported in training mode are made inference nodes
 * where only their first output is used.
 */
export async function foldBatchNorm(model: Model, options: FoldBatchNormOptions = {}): Promise<PassResult> {
  const notes: string[] = [];
  const types = await inferShapes(model);
  const changes = await everyGraph(
    model,
    async (graph, enclosing) => {
      const site: Site = { graph, enclosing, types };
      let folded = 0;
      for (const node of graph.topologicalOrder()) {
        if (node.kind === 'BatchNormalization') {
          const norm = endTraining(graph, node, notes);
          if ((await foldBackward(site, norm)) || (await foldForward(site, norm)) || norm !== node) folded++;
        } else if (options.constants && (await foldConstant(site, node))) folded++;
      }
      return folded;
    },
    options.signal,
  );
  return { changes, notes };
}

interface Site {
  readonly graph: Graph;
  readonly enclosing: Enclosing | undefined;
  readonly types: ReadonlyMap<string, TypeInfo>;
}

/** Training mode leaves an attribute or extra outputs behind; neither belongs into a shipped model. */
function endTraining(graph: Graph, node: Node, notes: string[]): Node {
  const training = node.int('training_mode', 0) !== 0;
  if (!training && node.outputs.length === 1) return node;
  if (!node.outputs.slice(1).every((o) => isUnused(graph, o))) return node;
  if (training) notes.push(`${node.label} was exported in training mode; it runs as inference now.`);
  const attributes = new Map(node.attributes);
  attributes.delete('training_mode');
  const { op, domain, name, docString, metadata, inputs } = node;
  graph.remove(node);
  return graph.add({
    op,
    domain,
    name,
    docString,
    metadata,
    attributes,
    inputs,
    outputs: node.outputs.slice(0, 1),
  });
}

/** The batch norm follows the linear node. */
async function foldBackward(site: Site, norm: Node): Promise<boolean> {
  const { graph } = site;
  const linear = graph.producer(norm.inputs[0]!);
  if (linear === undefined || onlyConsumer(graph, norm.inputs[0]!) !== norm) return false;
  const affine = await affineOfBatchNorm(norm, (i) =>
    constantOf(graph, site.enclosing, norm.inputs[i] ?? ''),
  );
  if (affine === undefined) return false;
  return (await scaleOutput(site, linear, affine)) && bypass(graph, norm);
}

/** A constant that scales or shifts the channels of a linear node's output. */
async function foldConstant(site: Site, node: Node): Promise<boolean> {
  const { graph } = site;
  if (!['Add', 'Sub', 'Mul', 'Div'].includes(node.kind)) return false;
  for (const side of [0, 1]) {
    const value = node.inputs[side]!;
    const linear = graph.producer(value);
    if (linear === undefined || onlyConsumer(graph, value) !== node) continue;
    const layout = layoutOf(site, linear);
    if (layout === undefined || linear.kind === 'MatMul') continue;
    const weight = constantOf(graph, site.enclosing, node.inputs[1 - side]!);
    const affine = weight && (await affineOfConstant(node.kind, side, weight, layout));
    if (affine === undefined || !(await scaleOutput(site, linear, affine))) continue;
    if (side === 1) graph.setInputs(node, [value]);
    return bypass(graph, node);
  }
  return false;
}

/** Where the output channels of a linear node lie in its weight and in its output. */
export interface LinearLayout {
  readonly weight: Weight;
  readonly bias: Weight | undefined;
  readonly channels: number;
  /** Axes after the channel in the output: 2 for pictures, 0 for Gemm. */
  readonly trailing: number;
  /** Output channel of the weight's element `i`. */
  channelOf(i: number): number;
}

function layoutOf({ graph, enclosing, types }: Site, node: Node): LinearLayout | undefined {
  const weight = constantOf(graph, enclosing, node.inputs[1] ?? '');
  const biasName = node.inputs[2] ?? '';
  const bias = constantOf(graph, enclosing, biasName);
  if (weight?.dtype !== 'float32' || (biasName !== '' && bias?.dtype !== 'float32')) return undefined;
  const { dims } = weight;
  if (dims.length < 2) return undefined;
  const size = elementCount(dims);
  const spatial = elementCount(dims.slice(2));
  const trailing = dims.length - 2;
  const rows = { channels: dims[0]!, channelOf: (i: number) => Math.floor(i / (size / dims[0]!)) };
  switch (node.kind) {
    case 'Conv':
      return { weight, bias, trailing, ...rows };
    case 'ConvTranspose': {
      const groups = node.int('group', 1);
      const [inputs, perGroup] = [dims[0]! / groups, dims[1]!];
      const channelOf = (i: number) => {
        const [input, output] = [Math.floor(i / (spatial * perGroup)), Math.floor(i / spatial) % perGroup];
        return Math.floor(input / inputs) * perGroup + output;
      };
      return { weight, bias, trailing, channels: groups * perGroup, channelOf };
    }
    case 'Gemm':
      if (node.int('transB', 0) !== 0) return { weight, bias, trailing: 0, ...rows };
      return { weight, bias, trailing: 0, channels: dims[1]!, channelOf: (i) => i % dims[1]! };
    case 'MatMul': {
      const x = types.get(node.inputs[0]!);
      if (dims.length !== 2 || x?.kind !== 'tensor' || x.shape?.length !== 2) return undefined;
      return { weight, bias: undefined, trailing: 0, channels: dims[1]!, channelOf: (i) => i % dims[1]! };
    }
    default:
      return undefined;
  }
}

/** Multiplies the rows of a linear node that make one output channel, and moves its bias. */
async function scaleOutput(site: Site, node: Node, affine: Affine): Promise<boolean> {
  const linear = node.kind === 'Add' ? await asGemm(site, node) : node;
  const layout = linear && layoutOf(site, linear);
  if (linear === undefined || layout?.channels !== affine.scale.length) return false;
  const { scale, shift } = affine;
  const old = await biasOf(linear, layout);
  if (old === undefined) return false;
  const values = await floatsOf(layout.weight);
  const scaled = values.map((w, i) => w * scale[layout.channelOf(i)]!);
  const bias = float32(
    [layout.channels],
    old.map((b, c) => b * scale[c]! + shift[c]!),
  );
  replaceConstant(site.graph, linear, 1, weightOf(tensor('float32', layout.weight.dims, scaled)));
  replaceConstant(site.graph, linear, 2, weightOf(bias));
  if (linear.kind === 'MatMul') linear.op = 'Gemm';
  if (linear.kind === 'Gemm') linear.attributes.delete('beta');
  return true;
}

/** MatMul and the constant added to it, as one Gemm: what a batch norm may follow. Returns the Gemm. */
async function asGemm(site: Site, add: Node): Promise<Node | undefined> {
  const { graph, enclosing } = site;
  if (add.kind !== 'Add') return undefined;
  for (const side of [0, 1]) {
    const value = add.inputs[side]!;
    const matmul = graph.producer(value);
    const constant = constantOf(graph, enclosing, add.inputs[1 - side]!);
    if (matmul?.kind !== 'MatMul' || constant === undefined || onlyConsumer(graph, value) !== add) continue;
    const layout = layoutOf(site, matmul);
    const affine = layout && (await affineOfConstant('Add', side, constant, layout));
    if (affine === undefined || !(await scaleOutput(site, matmul, affine))) continue;
    if (side === 1) graph.setInputs(add, [value]);
    return bypass(graph, add) ? matmul : undefined;
  }
  return undefined;
}

/** The bias per channel, Gemm's beta included; undefined when it differs from row to row. */
async function biasOf(node: Node, { bias, channels }: LinearLayout): Promise<number[] | undefined> {
  if (bias === undefined) return new Array<number>(channels).fill(0);
  const count = elementCount(bias.dims);
  if (count !== 1 && (count !== channels || bias.dims.at(-1) !== channels)) return undefined;
  const values = await numbersOf(bias);
  const beta = node.kind === 'Gemm' ? node.float('beta', 1) : 1;
  if (count === 1) return new Array<number>(channels).fill(values[0]! * beta);
  return values.map((v) => v * beta);
}

/** The batch norm comes before the linear node: exact where no zeros are padded in between. */
async function foldForward(site: Site, norm: Node): Promise<boolean> {
  const { graph } = site;
  const value = norm.outputs[0]!;
  const linear = onlyConsumer(graph, value);
  if (linear === undefined || linear.inputs[0] !== value || linear.inputs.indexOf(value, 1) >= 0)
    return false;
  if (!['Conv', 'Gemm', 'MatMul'].includes(linear.kind) || linear.int('transA', 0) !== 0) return false;
  const layout = layoutOf(site, linear);
  const affine = await affineOfBatchNorm(norm, (i) =>
    constantOf(graph, site.enclosing, norm.inputs[i] ?? ''),
  );
  if (layout === undefined || affine === undefined) return false;
  const { scale, shift } = affine;
  if (pads(linear) && shift.some((t) => t !== 0)) return false;
  const old = await biasOf(linear, layout);
  const inputOf = inputChannel(linear, layout);
  if (old === undefined || inputOf === undefined) return false;
  const alpha = linear.kind === 'Gemm' ? linear.float('alpha', 1) : 1;
  const values = await floatsOf(layout.weight);
  const bias = Float64Array.from(old);
  for (const [i, w] of values.entries()) bias[layout.channelOf(i)]! += alpha * w * shift[inputOf(i)]!;
  if (!bypass(graph, norm)) return false;
  const scaled = values.map((w, i) => w * scale[inputOf(i)]!);
  replaceConstant(graph, linear, 1, weightOf(tensor('float32', layout.weight.dims, scaled)));
  replaceConstant(graph, linear, 2, weightOf(float32([layout.channels], bias)));
  if (linear.kind === 'MatMul') linear.op = 'Gemm';
  if (linear.kind === 'Gemm') linear.attributes.delete('beta');
  return true;
}

const pads = (node: Node) =>
  node.kind === 'Conv' &&
  (node.string('auto_pad', 'NOTSET').startsWith('SAME') ||
    (node.string('auto_pad', 'NOTSET') === 'NOTSET' && (node.ints('pads') ?? []).some((p) => p !== 0)));

/** Input channel of the weight's element `i`. */
function inputChannel(node: Node, { weight, channels }: LinearLayout): ((i: number) => number) | undefined {
  const { dims } = weight;
  if (node.kind === 'Conv') {
    const spatial = elementCount(dims.slice(2));
    const [perGroup, outputs] = [dims[1]!, channels / node.int('group', 1)];
    return (i) => {
      const [output, input] = [Math.floor(i / (spatial * perGroup)), Math.floor(i / spatial) % perGroup];
      return Math.floor(output / outputs) * perGroup + input;
    };
  }
  return node.int('transB', 0) !== 0 ? (i) => i % dims[1]! : (i) => Math.floor(i / dims[1]!);
}

/** Gives a node a new constant; others that use the old one keep it. */
function replaceConstant(graph: Graph, node: Node, input: number, weight: Weight): void {
  const name = node.inputs[input] ?? '';
  const own = graph.constant(name) !== undefined && onlyConsumer(graph, name) === node;
  const once = node.inputs.filter((i) => i === name).length === 1;
  if (own && once) {
    graph.initializers.set(name, weight);
    graph.valueInfo.delete(name);
    return;
  }
  const prefix = name !== '' ? `${name}_folded` : `${node.name || node.outputs[0]}_bias`;
  graph.setInput(node, input, graph.addConstant(prefix, weight));
}
