import { dtypes, elementCount } from '../tensor/index.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';
import type { Weight } from './weight.ts';

/** A float constant of a graph, seen as its consumer uses it. */
export interface WeightView {
  readonly name: string;
  readonly weight: Weight;
  /** As it is quantized: convolutions and gates as [rows, columns]. The values keep their order. */
  readonly dims: readonly number[];
  /** Axes of `dims`: outputs, and the inputs along which groups run. */
  readonly axes: { readonly channel: number; readonly group: number };
  /** A product, convolution, table or recurrent layer reads it as its weight. */
  readonly isMatrix: boolean;
}

/** Where an operator keeps a weight, and how that is seen as [rows, columns]. */
interface Place {
  readonly input: number;
  readonly dims: (shape: readonly number[]) => readonly number[];
  readonly axes: (node: Node, rank: number) => WeightView['axes'];
}

const asItIs = (shape: readonly number[]) => shape;
const rowsFirst = () => ({ channel: 0, group: 1 });
const columnsFirst = (_: Node, rank: number) => ({ channel: rank - 1, group: rank - 2 });
const flat = (shape: readonly number[]) => [shape[0]!, elementCount(shape.slice(1))];
const gates = (shape: readonly number[]) => [elementCount(shape.slice(0, -1)), shape.at(-1)!];
const recurrent: readonly Place[] = [1, 2].map((input) => ({ input, dims: gates, axes: rowsFirst }));

const places: Readonly<Record<string, readonly Place[]>> = {
  Conv: [{ input: 1, dims: flat, axes: rowsFirst }],
  MatMul: [{ input: 1, dims: asItIs, axes: columnsFirst }],
  Gemm: [
    {
      input: 1,
      dims: asItIs,
      axes: (node, rank) => (node.int('transB', 0) === 0 ? columnsFirst(node, rank) : rowsFirst()),
    },
  ],
  Gather: [{ input: 0, dims: asItIs, axes: rowsFirst }],
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
};

/** The float constants of a graph (bodies of If, Loop and Scan apart), those that operators weigh with first. */
export function weightViews(graph: Graph): WeightView[] {
  const views = new Map<string, WeightView>();
  const floats = new Map<string, Weight>();
  for (const [name, weight] of graph.initializers) {
    if (weight.dtype === 'string' || dtypes[weight.dtype].kind !== 'float') continue;
    if (elementCount(weight.dims) > 0) floats.set(name, weight as Weight);
  }
  for (const node of graph.nodes) {
    for (const { input, dims, axes } of places[node.kind] ?? []) {
      const name = node.inputs[input] ?? '';
      const weight = floats.get(name);
      if (weight === undefined || weight.dims.length < 2 || views.has(name)) continue;
      const rank = weight.dims.length;
      views.set(name, { name, weight, dims: dims(weight.dims), axes: axes(node, rank), isMatrix: true });
    }
  }
  for (const [name, weight] of floats) {
    if (views.has(name)) continue;
    const dims = weight.dims.length === 0 ? [1] : weight.dims;
    const last = dims.length - 1;
    views.set(name, {
      name,
      weight,
      dims,
      axes: { channel: Math.max(0, last - 1), group: last },
      isMatrix: false,
    });
  }
  return [...views.values()];
}
