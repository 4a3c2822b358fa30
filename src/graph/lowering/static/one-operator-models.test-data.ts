import { elementCount, float32, int64, tensor } from '../../../tensor/index.ts';
import type { AttributeLike } from '../../attribute.ts';
import { Graph } from '../../graph.ts';
import { Model } from '../../model.ts';
import { floatAttribute } from '../../node.ts';
import { tensorInfo } from '../../value.ts';
import { type Weight, weightOf } from '../../weight.ts';
import type { operators } from './operators.ts';

/** A model of one operator: what it reads, what it is told. */
export interface OneOperator {
  readonly opset?: number;
  /** Shapes of the float inputs that are fed; they come first. */
  readonly feeds?: readonly (readonly number[])[];
  /** Constants behind them; '' leaves one out. */
  readonly constants?: readonly (Weight | '')[];
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  readonly outputs?: number;
  /** Where the fed inputs stand, when constants come first. */
  readonly feedsAt?: number;
}

/** Deterministic noise in [-scale, scale] over a slow swing, so that means and extremes differ along the array. */
export function noise(count: number, scale = 1, seed = 1): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: count }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * (0.7 * (state / 2 ** 31 - 1) + 0.3 * Math.sin(i / 150));
  });
}

const real = (dims: readonly number[], scale = 0.5) =>
  weightOf(float32(dims, noise(elementCount(dims), scale, dims.length)));
const scalar = (x: number) => weightOf(float32([], [x]));
const shape = (...values: number[]) => weightOf(int64([values.length], values));
const picture = [1, 8, 12, 12];
const window = { kernel_shape: [2, 2], strides: [2, 2] };
const positive = { feeds: [picture] };

/** One for each row of the table: the compiler says which is missing. */
export const oneOperator: { readonly [Op in keyof typeof operators]: OneOperator } = {
  Conv: { constants: [real([16, 8, 3, 3]), real([16])], attributes: { pads: [1, 1, 1, 1] } },
  Gemm: { feeds: [[6, 32]], constants: [real([24, 32]), real([24])], attributes: { transB: 1 } },
  MatMul: { feeds: [[2, 6, 32]], constants: [real([32, 24])] },
  Add: { feeds: [picture, picture] },
  Mul: { feeds: [picture, picture] },
  Concat: { feeds: [picture, picture], attributes: { axis: 1 } },
  Where: {
    feeds: [picture, picture],
    feedsAt: 1,
    constants: [
      weightOf(
        tensor(
          'bool',
          [12],
          Uint8Array.from({ length: 12 }, (_, i) => i % 2),
        ),
      ),
    ],
  },
  AveragePool: { attributes: window },
  GlobalAveragePool: {},
  LeakyRelu: { attributes: { alpha: 0.1 } },
  Sigmoid: {},
  Softmax: { attributes: { axis: -1 } },
  Relu: {},
  Clip: { constants: [scalar(-0.5), scalar(0.6)] },
  MaxPool: { attributes: window },
  Resize: { constants: ['', weightOf(float32([4], [1, 1, 2, 2]))], attributes: { mode: 'nearest' } },
  Reshape: { constants: [shape(1, -1)] },
  Flatten: {},
  Transpose: { attributes: { perm: [0, 2, 3, 1] } },
  Squeeze: { constants: [shape(0)] },
  Unsqueeze: { constants: [shape(0)] },
  Slice: { constants: [shape(0), shape(4), shape(1)] },
  Split: { attributes: { axis: 1 }, outputs: 2 },
  Gather: { constants: [shape(0, 2)], attributes: { axis: 1 } },
  GatherElements: {
    constants: [weightOf(int64(picture, Array<number>(8 * 144).fill(0)))],
    attributes: { axis: 0 },
  },
  Expand: { constants: [shape(2, 8, 12, 12)] },
  Tile: { constants: [shape(2, 1, 1, 1)] },
  DepthToSpace: { attributes: { blocksize: 2 } },
  ReduceMax: { attributes: { axes: [2, 3] } },
  ReduceMin: { attributes: { axes: [2, 3] } },
  SpaceToDepth: { attributes: { blocksize: 2 } },
  Pad: { constants: [shape(0, 0, 1, 1, 0, 0, 1, 1)] },
  ConvTranspose: { constants: [real([8, 4, 3, 3])] },
  PRelu: { constants: [real([8, 1, 1])] },
  HardSigmoid: {},
  HardSwish: {},
  Tanh: {},
  Elu: {},
  Gelu: { opset: 20 },
  Erf: {},
  Exp: {},
  Sqrt: positive,
  Sub: { feeds: [picture, picture] },
  Div: { feeds: [picture, picture] },
  Pow: { constants: [scalar(2)] },
  Max: { feeds: [picture, picture] },
  Min: { feeds: [picture, picture] },
  ReduceMean: { attributes: { axes: [2, 3] } },
  ReduceSum: { constants: [shape(2, 3)] },
  GlobalMaxPool: {},
  InstanceNormalization: { constants: [real([8]), real([8])] },
  LayerNormalization: { constants: [real([12])] },
  BatchNormalization: {
    constants: [real([8]), real([8]), real([8]), weightOf(float32([8], Array(8).fill(1)))],
  },
  LSTM: {
    feeds: [[4, 2, 8]],
    constants: [real([1, 32, 8]), real([1, 32, 8])],
    attributes: { hidden_size: 8 },
  },
  GRU: {
    feeds: [[4, 2, 8]],
    constants: [real([1, 24, 8]), real([1, 24, 8])],
    attributes: { hidden_size: 8 },
  },
  RNN: {
    feeds: [[4, 2, 8]],
    constants: [real([1, 8, 8]), real([1, 8, 8])],
    attributes: { hidden_size: 8 },
  },
  TopK: { constants: [shape(2)], attributes: { axis: 1 }, outputs: 2 },
};

/** Opset that all of them speak unless they say otherwise. */
const OPSET = 17;

/** Inputs x0, x1, ...; outputs y0, y1, ... */
export function buildOneOperator(op: string, spec: OneOperator): Model {
  const graph = new Graph('one');
  const fed = (spec.feeds ?? [picture]).map((dims, i) => {
    graph.inputs.push(tensorInfo(`x${i}`, 'float32', dims));
    return `x${i}`;
  });
  const constants = (spec.constants ?? []).map((c, i) => (c === '' ? '' : graph.addConstant(`c${i}`, c)));
  const before = constants.splice(0, spec.feedsAt ?? 0);
  const outputs = Array.from({ length: spec.outputs ?? 1 }, (_, i) => `y${i}`);
  const attributes = Object.fromEntries(
    Object.entries(spec.attributes ?? {}).map(([k, v]) => [
      k,
      k === 'alpha' ? floatAttribute(v as number) : v,
    ]),
  );
  graph.add({ op, name: 'one', inputs: [...before, ...fed, ...constants], outputs, attributes });
  graph.outputs = outputs.map((name) => ({ name, type: undefined }));
  const model = new Model(graph);
  model.irVersion = 8;
  model.opsets.set('', spec.opset ?? OPSET);
  return model;
}
