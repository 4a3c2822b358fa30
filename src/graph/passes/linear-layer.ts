import { elementCount } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';
import { loadWeight, type Weight, weightOf } from '../weight.ts';

/**
 * A node that computes y = W x + b channel-wise, seen the same way whatever the operator: passes that move
 * numbers between weights (equalization, bias absorption, bias correction) need no more than this.
 *
 * Element (g, o, i, k) of the weight is at g groupStride + o outStride + i inStride + k; it joins input
 * channel g * inPerGroup + i to output channel g * outPerGroup + o.
 */
export interface LinearLayer {
  readonly node: Node;
  /** Value that carries y: the node's output, or that of the Add behind a MatMul. */
  readonly output: string;
  readonly input: string;
  readonly weight: string;
  /** Name of the bias constant; undefined when there is none. */
  readonly bias: string | undefined;
  /** The Add that holds the bias of a MatMul. */
  readonly biasNode: Node;
  readonly outChannels: number;
  readonly inChannels: number;
  /** Axis of the channels in `output` and `input`, and their rank where the operator fixes it. */
  readonly channelAxis: number;
  readonly rank: number | undefined;
  /** Whether the operator pads its input with zeros. */
  readonly padded: boolean;
  readonly layout: WeightLayout;
}

/** Where the weight of an input and an output channel lies in the array. */
export interface WeightLayout {
  readonly groups: number;
  readonly outPerGroup: number;
  readonly inPerGroup: number;
  /** Values per pair of channels: the kernel's positions. */
  readonly kernel: number;
  readonly groupStride: number;
  readonly outStride: number;
  readonly inStride: number;
}

type Reader = (graph: Graph, node: Node, weight: Weight) => LinearLayer | undefined;

/** The operators that are linear layers. */
const readers: Readonly<Record<string, Reader>> = {
  Conv: (graph, node, weight) => {
    const groups = node.int('group', 1);
    const [out = 0, inPerGroup = 0, ...window] = weight.dims;
    const kernel = elementCount(window);
    const outPerGroup = out / groups;
    return convolution(graph, node, weight, {
      groups,
      outPerGroup,
      inPerGroup,
      kernel,
      groupStride: outPerGroup * inPerGroup * kernel,
      outStride: inPerGroup * kernel,
      inStride: kernel,
    });
  },
  ConvTranspose: (graph, node, weight) => {
    const groups = node.int('group', 1);
    const [inputs = 0, outPerGroup = 0, ...window] = weight.dims;
    const kernel = elementCount(window);
    const inPerGroup = inputs / groups;
    return convolution(graph, node, weight, {
      groups,
      outPerGroup,
      inPerGroup,
      kernel,
      groupStride: inPerGroup * outPerGroup * kernel,
      outStride: kernel,
      inStride: outPerGroup * kernel,
    });
  },
  Gemm: (graph, node, weight) => {
    if (node.int('transA', 0) !== 0 || node.float('alpha', 1) !== 1 || node.float('beta', 1) !== 1) return;
    const bias = node.inputs[2] ?? '';
    const layout = matrix(weight, node.int('transB', 0) !== 0);
    const fits = bias === '' || isVector(graph.constant(bias), layout.outPerGroup);
    return fits ? dense(node, node, node.outputs[0]!, bias || undefined, layout, 2) : undefined;
  },
  MatMul: (graph, node, weight) => {
    if (weight.dims.length !== 2) return undefined;
    const layout = matrix(weight, false);
    const product = node.outputs[0]!;
    const [add, ...more] = graph.consumers(product);
    if (add?.kind === 'Add' && more.length === 0 && !graph.isOutput(product)) {
      const bias = add.inputs.find((name) => name !== product);
      if (bias !== undefined && isVector(graph.constant(bias), layout.outPerGroup)) {
        return dense(node, add, add.outputs[0]!, bias, layout, undefined);
      }
    }
    return dense(node, node, product, undefined, layout, undefined);
  },
};

/**
 * The node as a linear layer, or undefined when it is none, when its weight is no float constant, or when
 * somebody else reads its weight or bias too.
 */
export function linearLayer(graph: Graph, node: Node): LinearLayer | undefined {
  const read = Object.hasOwn(readers, node.kind) ? readers[node.kind] : undefined;
  const weight = graph.constant(node.inputs[1] ?? '');
  if (read === undefined || weight === undefined || !isOwnFloat(graph, node.inputs[1]!)) return undefined;
  const layer = read(graph, node, weight);
  if (layer?.bias !== undefined && !isOwnFloat(graph, layer.bias)) return undefined;
  return layer;
}

/** The weight's values. */
export async function loadLayerWeight(graph: Graph, layer: LinearLayer): Promise<Float32Array> {
  return (await loadWeight(graph.constant(layer.weight)!)).data as Float32Array;
}

/** The bias per output channel; zeros when there is none. */
export async function loadLayerBias(graph: Graph, layer: LinearLayer): Promise<Float32Array> {
  if (layer.bias === undefined) return new Float32Array(layer.outChannels);
  return (await loadWeight(graph.constant(layer.bias)!)).data as Float32Array;
}

/** Replaces the weight's values under its name. */
export function storeLayerWeight(graph: Graph, layer: LinearLayer, data: Float32Array): void {
  const { dims } = graph.constant(layer.weight)!;
  graph.initializers.set(layer.weight, weightOf({ dtype: 'float32', dims, data }));
}

/** Replaces or adds the bias. A MatMul without one gets an Add behind it, which takes over its output. */
export function storeLayerBias(graph: Graph, layer: LinearLayer, data: Float32Array): void {
  if (layer.bias !== undefined) {
    const { dims } = graph.constant(layer.bias)!;
    graph.initializers.set(layer.bias, weightOf({ dtype: 'float32', dims, data }));
    return;
  }
  const { node } = layer;
  const bias = graph.addConstant(
    `${layer.weight}_bias`,
    weightOf({ dtype: 'float32', dims: [layer.outChannels], data }),
  );
  if (node.op !== 'MatMul') {
    graph.setInput(node, 2, bias);
    return;
  }
  const product = graph.freshName(`${layer.output}_product`);
  graph.setOutput(node, 0, product);
  graph.add({
    op: 'Add',
    name: node.name === '' ? '' : `${node.name}_bias`,
    inputs: [product, bias],
    outputs: [layer.output],
  });
}

/** Calls `visit(index, out, in)` for every value of the weight. */
export function eachWeight(
  { groups, outPerGroup, inPerGroup, kernel, groupStride, outStride, inStride }: WeightLayout,
  visit: (index: number, out: number, input: number) => void,
): void {
  for (let g = 0; g < groups; g++) {
    for (let o = 0; o < outPerGroup; o++) {
      for (let i = 0; i < inPerGroup; i++) {
        const at = g * groupStride + o * outStride + i * inStride;
        for (let k = at; k < at + kernel; k++) visit(k, g * outPerGroup + o, g * inPerGroup + i);
      }
    }
  }
}

function isOwnFloat(graph: Graph, name: string): boolean {
  return (
    graph.constant(name)?.dtype === 'float32' && graph.consumers(name).size === 1 && !graph.isOutput(name)
  );
}

function isVector(weight: Weight | undefined, length: number): boolean {
  return weight?.dims.length === 1 && weight.dims[0] === length;
}

function matrix({ dims }: Weight, transposed: boolean): WeightLayout {
  const [rows = 0, columns = 0] = dims;
  const sides = transposed
    ? { outPerGroup: rows, inPerGroup: columns, outStride: columns, inStride: 1 }
    : { outPerGroup: columns, inPerGroup: rows, outStride: 1, inStride: columns };
  return { groups: 1, kernel: 1, groupStride: 0, ...sides };
}

function convolution(
  graph: Graph,
  node: Node,
  weight: Weight,
  layout: WeightLayout,
): LinearLayer | undefined {
  const bias = node.inputs[2] || undefined;
  if (!Number.isInteger(layout.outPerGroup) || !Number.isInteger(layout.inPerGroup)) return undefined;
  if (bias !== undefined && !isVector(graph.constant(bias), layout.groups * layout.outPerGroup))
    return undefined;
  return {
    node,
    output: node.outputs[0]!,
    input: node.inputs[0]!,
    weight: node.inputs[1]!,
    bias,
    biasNode: node,
    outChannels: layout.groups * layout.outPerGroup,
    inChannels: layout.groups * layout.inPerGroup,
    channelAxis: 1,
    rank: weight.dims.length,
    padded: isPadded(node),
    layout,
  };
}

function isPadded(node: Node): boolean {
  const auto = node.string('auto_pad', 'NOTSET');
  if (auto !== 'NOTSET') return auto !== 'VALID';
  return node.op !== 'Conv' || (node.ints('pads') ?? []).some((pad) => pad !== 0);
}

function dense(
  node: Node,
  biasNode: Node,
  output: string,
  bias: string | undefined,
  layout: WeightLayout,
  rank: number | undefined,
): LinearLayer {
  return {
    node,
    output,
    input: node.inputs[0]!,
    weight: node.inputs[1]!,
    bias,
    biasNode,
    outChannels: layout.outPerGroup,
    inChannels: layout.inPerGroup,
    channelAxis: -1,
    rank,
    padded: false,
    layout,
  };
}
