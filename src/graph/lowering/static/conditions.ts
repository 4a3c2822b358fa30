import { elementCount } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { Node } from '../../node.ts';
import type { TypeInfo } from '../../value.ts';

/** What a row may ask about the surroundings of a node. */
export interface RowContext {
  readonly graph: Graph;
  readonly types: ReadonlyMap<string, TypeInfo>;
  /** Float32 constants of one value. */
  readonly scalars: ReadonlyMap<string, number>;
}

type Condition = (node: Node, context: RowContext) => true | string;

/** All of them; the first reason counts. */
export const all =
  (...conditions: Condition[]): Condition =>
  (node, context) => {
    for (const condition of conditions) {
      const verdict = condition(node, context);
      if (verdict !== true) return verdict;
    }
    return true;
  };

/** The second input is a float32 constant of two or more dimensions. */
export const constantWeight: Condition = (node, { graph }) => {
  const name = node.inputs[1] ?? '';
  const weight = graph.constant(name);
  if (weight === undefined) {
    return graph.initializers.has(name)
      ? `its weight '${name}' is also an input of the model, so it may change from run to run`
      : `its second operand '${name}' is computed while running`;
  }
  if (weight.dtype !== 'float32') return `its weight is ${weight.dtype}, not float32`;
  if (weight.dims.length < 2) return 'its weight is a vector';
  if (graph.constant(node.inputs[0] ?? '') !== undefined) return 'its first operand is a constant';
  return elementCount(weight.dims) > 0 ? true : 'its weight is empty';
};

/** There is no third input, or it is a float32 constant with one value per output channel, or one at all. */
export const constantBias: Condition = (node, { graph }) => {
  const name = node.inputs[2] ?? '';
  if (name === '') return true;
  const bias = graph.constant(name);
  if (bias === undefined) return `its bias '${name}' is not a constant`;
  if (bias.dtype !== 'float32') return `its bias is ${bias.dtype}, not float32`;
  const weight = graph.constant(node.inputs[1] ?? '')!;
  const channels = weight.dims[node.op === 'Gemm' && node.int('transB', 0) === 0 ? 1 : 0]!;
  const values = elementCount(bias.dims);
  const lastDim = bias.dims.at(-1) ?? 1;
  if (values === 1 || (values === channels && lastDim === channels)) return true;
  return `its bias is [${bias.dims.join(', ')}], not one value per output channel (${channels})`;
};

/** Bounds that are absent, attributes, or scalar float32 constants. */
export const clipBounds: Condition = (node, { scalars }) => {
  for (const name of node.inputs.slice(1)) {
    if (name !== '' && !scalars.has(name)) return `its bound '${name}' is no float32 constant`;
  }
  return true;
};

/** MaxPool may also give indices, which no kernel gives for codes. */
export const singleOutput: Condition = (node) =>
  node.outputs.filter((o) => o !== '').length === 1 ? true : 'its second output is used';

/** Only nearest moves codes; the others compute between them, in float. */
export const resizeNearest: Condition = (node) => {
  const mode = node.string('mode', 'nearest');
  return mode === 'nearest' ? true : `ONNX Runtime resizes in float when the mode is ${mode}`;
};

/** Zeros become zero points; another value may have no code. */
export const padsWithZero: Condition = (node, { scalars }) => {
  const value = node.inputs[2] ?? '';
  if (node.string('mode', 'constant') !== 'constant' || value === '') return true;
  return scalars.get(value) === 0 ? true : `it pads with '${value}', not with 0`;
};

/** A constant so large stands for minus infinity: with it in the range, everything else would be one code. */
const MASK = 1e4;

export const masksNothing: Condition = (node, { scalars }) => {
  const mask = node.inputs.find((name) => Math.abs(scalars.get(name) ?? 0) >= MASK);
  return mask === undefined ? true : `it masks with ${scalars.get(mask)}, which would take the whole range`;
};
