import { type Granularity, perChannel, type Scheme } from '../../numerics/index.ts';
import { elementCount } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';
import { plainLayout } from './code-layout.ts';
import { reshapeWeight } from './coded-weight.ts';
import type { WeightQuantizer } from './lowering.ts';
import type { Rewrite } from './rewrite.ts';
import type { FoundConstant, Scope } from './scope.ts';

/** Axis of the output channels: rows of all gates and directions for recurrent layers, columns for products. */
export type WeightAxis = number | 'gates' | 'last';

/** Where an operator keeps its weights. */
export const storedWeights: Readonly<
  Record<string, readonly { readonly input: number; readonly axis: WeightAxis }[]>
> = {
  Conv: [{ input: 1, axis: 0 }],
  ConvTranspose: [{ input: 1, axis: 1 }],
  LSTM: [
    { input: 1, axis: 'gates' },
    { input: 2, axis: 'gates' },
  ],
  GRU: [
    { input: 1, axis: 'gates' },
    { input: 2, axis: 'gates' },
  ],
  RNN: [
    { input: 1, axis: 'gates' },
    { input: 2, axis: 'gates' },
  ],
  MatMul: [{ input: 1, axis: 'last' }],
  Gemm: [{ input: 1, axis: 'last' }],
};

/** Weights of fewer values save nothing worth two more operators. */
const LEAST_VALUES = 256;

export interface StoreOptions {
  readonly rewrite: Rewrite;
  readonly quantizer: WeightQuantizer;
  readonly format: StoredFormat;
}

/** Formats whose zero is code 0: Cast and one Mul make them real again. */
export type StoredFormat = 'int8' | 'e4m3fn' | 'e5m2';

/**
 * Weights as codes + Cast + Mul by the scale. ONNX Runtime folds the two when it loads the model (it leaves
 * DequantizeLinear to every run), so the file is small and the model runs as fast as in float. Scales are per
 * output channel always: folded, they cost nothing.
 */
export function lowerToStoredCodes(options: StoreOptions, scope: Scope, node: Node): true | string {
  const { rewrite } = options;
  let why = '';
  let done = false;
  for (const { input, axis } of storedWeights[node.kind]!) {
    const name = node.inputs[input] ?? '';
    const found = rewrite.constant(scope, name);
    if (found === undefined) why = 'its weight is not a constant';
    else if (found.weight.dtype !== 'float32') why = `its weight is ${found.weight.dtype}, not float32`;
    else if (elementCount(found.weight.dims) < LEAST_VALUES) {
      why = `its weight has fewer than ${LEAST_VALUES} values`;
    } else {
      scope.graph.setInput(node, input, storeCodes(options, { node, name, found, axis }));
      rewrite.note(
        `${plural[node.kind] ?? node.kind}: weights are stored in 8 bits and become float when the model is loaded; the file is smaller, speed and memory are those of float.`,
      );
      done = true;
    }
  }
  return done || why;
}

/** How the note calls the layers. */
const plural: Readonly<Record<string, string>> = {
  Conv: 'Convolutions',
  ConvTranspose: 'Transposed convolutions',
  LSTM: 'LSTMs',
  GRU: 'GRUs',
  RNN: 'RNNs',
  MatMul: 'Products',
  Gemm: 'Products',
};

/** Adds codes, Cast and Mul beside the weight and gives the name of the real value. */
export function storeCodes(
  { rewrite, quantizer, format }: StoreOptions,
  request: {
    readonly node: Node;
    readonly name: string;
    readonly found: FoundConstant;
    readonly axis: WeightAxis;
  },
): string {
  const { node, name, found, axis } = request;
  const { dims } = found.weight;
  // Gates of all directions are the channels of a recurrent weight [directions, gates, inputs].
  const gates = axis === 'gates';
  const view = gates ? reshapeWeight(found.weight, [dims[0]! * dims[1]!, dims[2]!]) : found.weight;
  const channels = gates ? 0 : axis !== 'last' ? axis : node.int('transB', 0) !== 0 ? 0 : dims.length - 1;
  const granularity: Granularity = perChannel(channels);
  const scheme: Scheme = { format, symmetric: true, granularity };
  const scaleDims = gates ? [dims[0]!, dims[1]!, 1] : dims.map((d, i) => (i === channels ? d : 1));
  const coded = rewrite.code({
    name,
    found,
    node,
    scheme,
    layout: plainLayout({ scheme, dims: view.dims, codeDims: dims, scaleDims }),
    quantizer,
    view,
  });
  return rewrite.onceFor(found.owner, `${coded.codes} real`, (graph: Graph) => {
    const reals = rewrite.fresh(`${name}_reals`);
    const real = rewrite.fresh(`${name}_dequantized`);
    graph.add({
      op: 'Cast',
      name: rewrite.fresh(`${name}_Cast`),
      inputs: [coded.codes],
      outputs: [reals],
      attributes: { to: 1 },
    });
    graph.add({
      op: 'Mul',
      name: rewrite.fresh(`${name}_Rescale`),
      inputs: [reals, coded.scale],
      outputs: [real],
    });
    return real;
  });
}
