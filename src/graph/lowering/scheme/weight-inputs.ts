import { elementCount } from '../../../tensor/index.ts';
import type { Node } from '../../node.ts';

/** A weight as a scheme sees it: its shape, the axis of the outputs and that of the inputs, along which groups run. */
export interface WeightView {
  readonly dims: readonly number[];
  readonly channel: number;
  readonly group: number;
}

/** An input that holds a weight, and how it is seen; a string says why it cannot be. */
export interface WeightInput {
  readonly input: number;
  view(node: Node, dims: readonly number[]): WeightView | string;
}

/** Rows of outputs: [O, I, kh, kw] is seen as [O, I x kh x kw]. */
const rows = (_: Node, dims: readonly number[]): WeightView | string =>
  dims.length < 2
    ? 'its weight has no rows'
    : { dims: [dims[0]!, elementCount(dims.slice(1))], channel: 0, group: 1 };

/** The right side of a product: [..., K, N]. */
const right = (_: Node, dims: readonly number[]): WeightView | string =>
  dims.length < 2 ? 'its weight is a vector' : { dims, channel: dims.length - 1, group: dims.length - 2 };

/** The left side of a product: [..., M, K]. */
const left = (_: Node, dims: readonly number[]): WeightView | string =>
  dims.length < 2 ? 'its weight is a vector' : { dims, channel: dims.length - 2, group: dims.length - 1 };

/** [I, O, k...]: outputs are the second axis. */
const transposed = (_: Node, dims: readonly number[]): WeightView => ({
  dims: [dims[0]!, dims[1]!, elementCount(dims.slice(2))],
  channel: 1,
  group: 0,
});

/** [directions, gates, inputs]: the gates of all directions are the outputs. */
const gates = (_: Node, [directions = 1, all = 1, inputs = 1]: readonly number[]): WeightView => ({
  dims: [directions * all, inputs],
  channel: 0,
  group: 1,
});

const recurrent: readonly WeightInput[] = [
  { input: 1, view: gates },
  { input: 2, view: gates },
];

const product: readonly WeightInput[] = [
  { input: 1, view: right },
  { input: 0, view: left },
];

/** Where an operator keeps its weights. To add one: a row. */
export const weightInputs: Readonly<Record<string, readonly WeightInput[]>> = {
  MatMul: product,
  Gemm: [{ input: 1, view: (node, dims) => (node.int('transB', 0) === 0 ? right : rows)(node, dims) }],
  Conv: [{ input: 1, view: rows }],
  ConvTranspose: [{ input: 1, view: transposed }],
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Gather: [{ input: 0, view: rows }],
};
