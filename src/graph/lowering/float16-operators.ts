import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';

/** What float16 means to an operator, where it is not simply the type of all its floats. */
export interface Float16Row {
  /** Its definition has no float16, or only from this opset of ai.onnx on. */
  readonly since?: number | 'never';
  /** Inputs that are float32 by definition. */
  readonly floatInputs?: readonly number[];
  /** Outputs that are float32 by definition (or by an attribute's default). */
  readonly floatOutputs?: readonly number[];
  /** Integer attribute that names the element type of the output. */
  readonly typeAttribute?: string;
  /** Inputs that hold scales of codes: of float16's range already, and costly to look at before they are written. */
  readonly scales?: readonly number[];
  /** It adds up squares of its input: overflows when the input passes this magnitude (the root of 65,504). */
  readonly squares?: true;
}

/**
 * Found by running every operator of ONNX 1.23 in float16 on onnxruntime 1.30: the runtime puts Casts around
 * kernels it lacks, so only what the definitions themselves refuse is listed. Operators of ai.onnx that are
 * absent take float16 everywhere.
 */
export const float16Operators: Readonly<Record<string, Float16Row>> = {
  Celu: { since: 'never' },
  DynamicQuantizeLinear: { since: 'never' },
  MelWeightMatrix: { since: 'never' },
  NonMaxSuppression: { since: 'never' },
  Range: { since: 'never' },
  StringNormalizer: { since: 'never' },
  TfIdfVectorizer: { since: 'never' },
  Affine: { since: 'never' },
  ImageScaler: { since: 'never' },
  Crop: { since: 'never' },
  CumSum: { since: 14 },
  ConvInteger: { since: 'never' },
  MatMulInteger: { since: 'never' },
  QLinearConv: { since: 'never' },
  QLinearMatMul: { since: 'never' },
  QuantizeLinear: { since: 19 },
  DequantizeLinear: { since: 19 },
  IsInf: { since: 20 },
  IsNaN: { since: 9 },
  RoiAlign: { since: 10 },
  Resize: { floatInputs: [1, 2] },
  Upsample: { floatInputs: [1] },
  LayerNormalization: { floatOutputs: [1, 2], squares: true },
  RMSNormalization: { squares: true },
  InstanceNormalization: { squares: true },
  GroupNormalization: { squares: true },
  MeanVarianceNormalization: { squares: true },
  LpNormalization: { squares: true },
  ReduceL2: { squares: true },
  ReduceSumSquare: { squares: true },
  'com.microsoft.MatMulNBits': { scales: [2] },
  'com.microsoft.GatherBlockQuantized': { scales: [2] },
  Cast: { typeAttribute: 'to' },
  EyeLike: { typeAttribute: 'dtype' },
  RandomNormal: { typeAttribute: 'dtype' },
  RandomUniform: { typeAttribute: 'dtype' },
  RandomNormalLike: { typeAttribute: 'dtype' },
  RandomUniformLike: { typeAttribute: 'dtype' },
  Bernoulli: { typeAttribute: 'dtype' },
  SequenceEmpty: { typeAttribute: 'dtype' },
  HannWindow: { typeAttribute: 'output_datatype' },
  HammingWindow: { typeAttribute: 'output_datatype' },
  BlackmanWindow: { typeAttribute: 'output_datatype' },
};

/** com.microsoft operators that take float16; the others are kept in float32. */
const contribWithFloat16: ReadonlySet<string> = new Set([
  'com.microsoft.MatMulNBits',
  'com.microsoft.GatherBlockQuantized',
  'com.microsoft.FusedMatMul',
  'com.microsoft.Gelu',
  'com.microsoft.FastGelu',
  'com.microsoft.BiasGelu',
  'com.microsoft.QuickGelu',
  'com.microsoft.SkipLayerNormalization',
  'com.microsoft.SkipSimplifiedLayerNormalization',
  'com.microsoft.SimplifiedLayerNormalization',
  'com.microsoft.RotaryEmbedding',
  'com.microsoft.MultiHeadAttention',
  'com.microsoft.GroupQueryAttention',
  'com.microsoft.Attention',
]);

export const float16Row = (node: Node): Float16Row => float16Operators[node.kind] ?? {};

/** Why a node cannot compute in float16 by its definition; undefined when it can. */
export function refusesFloat16(node: Node, opset: number): string | undefined {
  const isStandard = node.domain === '' || node.domain === 'ai.onnx';
  if (!isStandard) {
    return contribWithFloat16.has(node.kind) ? undefined : `${node.kind} is not known to take float16`;
  }
  const { since } = float16Row(node);
  if (since === undefined || (since !== 'never' && opset >= since)) return undefined;
  return since === 'never'
    ? `${node.op} is not defined for float16`
    : `${node.op} takes float16 from opset ${since} on; the model has ${opset}`;
}

/** Operators that MatMul fusion looks through. */
const transparent: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze']);

/**
 * onnxruntime 1.30 ends the process while it loads a float16 Transpose that moves the first axis inward
 * ([1, 0, 2], [1, 2, 0, 3], [1, 2, 0]) in front of a MatMul, at the default optimization level: its
 * MatmulTransposeFusion and NchwcTransformer do not agree. In float32 the same Transpose loads.
 */
export function crashesInFloat16(graph: Graph, node: Node): string | undefined {
  if (node.kind !== 'Transpose' || !rotatesFirstAxis(node.ints('perm'))) return undefined;
  const seen = new Set<Node>([node]);
  for (const from of seen) {
    for (const consumer of graph.consumers(from.outputs[0] ?? '')) {
      if (consumer.kind === 'MatMul')
        return 'onnxruntime 1.30 crashes on this Transpose before a MatMul in float16';
      if (transparent.has(consumer.kind)) seen.add(consumer);
    }
  }
  return undefined;
}

/** [1, 2, ..., 0, last] or [1, 2, ..., last, 0]. */
function rotatesFirstAxis(perm: readonly number[] | undefined): boolean {
  if (perm === undefined || perm.length < 3) return false;
  const rest = perm.filter((axis) => axis !== 0);
  return perm.indexOf(0) >= perm.length - 2 && rest.every((axis, i) => axis === i + 1);
}
