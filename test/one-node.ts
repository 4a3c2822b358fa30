import * as ort from 'onnxruntime-node';
import { Graph, Model, type NodeInit, tensorInfo, type Weight, weightOf } from '../src/graph/index.ts';
import { type DType, float32, seededRandom, type Tensor, tensor } from '../src/tensor/index.ts';

type Numbers = Tensor<Exclude<DType, 'string'>>;

export interface OneNode extends Omit<NodeInit, 'inputs' | 'outputs'> {
  readonly opset?: number;
  readonly outputs?: number;
  /** Positions of inputs that are fed; all others are constants. Default none. */
  readonly fed?: readonly number[];
}

/** A model of one node whose outputs go through Identity, so that they are not the graph's own. */
export function oneNode(node: OneNode, ...inputs: (Numbers | undefined)[]): Model {
  const { opset = 21, outputs = 1, fed = [], ...init } = node;
  const graph = new Graph('one-node');
  const names = inputs.map((t, i) => {
    if (t === undefined) return '';
    if (fed.includes(i)) graph.inputs.push(tensorInfo(`x${i}`, t.dtype, t.dims));
    else graph.initializers.set(`x${i}`, weightOf(t) as Weight);
    return `x${i}`;
  });
  const results = Array.from({ length: outputs }, (_, i) => `r${i}`);
  graph.add({ ...init, inputs: names, outputs: results });
  for (const [i, result] of results.entries()) {
    graph.add({ op: 'Identity', inputs: [result], outputs: [`y${i}`] });
    graph.outputs.push({ name: `y${i}`, type: undefined });
  }
  const model = new Model(graph);
  model.opsets.set('', opset);
  model.irVersion = opset > 21 ? 11 : 8;
  return model;
}

/** What `oneNode` wants to be fed. */
export function feedsOf(node: OneNode, ...inputs: (Numbers | undefined)[]): Record<string, ort.Tensor> {
  const feeds: Record<string, ort.Tensor> = {};
  for (const i of node.fed ?? []) {
    const { dtype, data, dims } = inputs[i]!;
    feeds[`x${i}`] = new ort.Tensor(dtype as 'float32', data as Float32Array, dims);
  }
  return feeds;
}

/** Random float32 in [-2, 2). */
export function randomTensor(seed: number, ...dims: number[]): Tensor<'float32'> {
  const random = seededRandom(seed);
  return float32(
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 4 * random() - 2),
  );
}

export const ints = (...values: number[]) =>
  tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
