import type { Node } from '../../node.ts';
import {
  all,
  clipBounds,
  constantBias,
  constantWeight,
  padsWithZero,
  type RowContext,
  resizeNearest,
  singleOutput,
} from './conditions.ts';

/**
 * THE table of static quantization: which operators compute in integers, and what ONNX Runtime 1.30 makes of
 * them on a CPU. Kernel columns were read off the optimized graph of one-operator QDQ models (level
 * 'extended', opset 13 and 21); operators.test.ts reads them off again.
 *
 * What the measurements taught, beyond the rows:
 * - Conv fuses only when its output is quantized too; Gemm and MatMul may give floats.
 * - Gemm fuses only when the DequantizeLinear of its weight names a zero point. Bias needs none.
 * - A float bias leaves a Gemm with float output in float; an int32 bias does not.
 * - MatMul followed by Add of a constant is first fused to a float Gemm: Q between them prevents it.
 * - On x86 int8 activations are read as uint8 while loading; a constant second operand (Add, Mul, Where) is
 *   not, and the node stays float. With opset 21 and later, a Q or DQ that moves past a pass-through operator
 *   keeps output_dtype int8, and the model does not load. So uint8 activations are the default.
 */
export interface QuantizableOperator {
  /**
   * anchor: heavy work, pays for conversions around it. follower: light, joins integer neighbours.
   * passThrough: moves or selects codes; output and input share scale and zero point. clamp: the same,
   * cut to bounds; melts into the producer's range where it can. none: stays float.
   */
  readonly role: 'anchor' | 'follower' | 'passThrough' | 'clamp' | 'none';
  /** What each input is. `rest` for variadic ones. Inputs without a role are read as they are. */
  readonly inputs: readonly InputRole[];
  readonly rest?: InputRole;
  /** Axis of the output channels of the weight. */
  readonly weightAxis?: (node: Node, rank: number) => number;
  /** The output's range is known beforehand: sigmoid and softmax fill [0, 1). */
  readonly fixedRange?: 'unit';
  /** May give floats: the kernel with float output. */
  readonly floatOutput?: string;
  /** The kernel's saturation can stand for a Relu or Clip behind it. */
  readonly absorbsClamp?: true;
  /** Works on the codes itself: written so in QDQ form too (uint8 only), because nothing fuses it. */
  readonly onCodes?: true;
  /** How the integer operator takes its operands (see emit-qoperator.ts); pass-through ones stay what they are. */
  readonly operands?: 'conv' | 'gemm' | 'matmul' | 'all' | 'concat';
  /** The optimized graph's operator, by activation format, with `constant` second operands apart. */
  readonly kernel: Kernels;
  /** True, or why this node stays float. */
  readonly accepts?: (node: Node, context: RowContext) => true | string;
  /** Role none: why. */
  readonly why?: string;
}

export type InputRole = 'activation' | 'weight' | 'bias' | 'parameter';

export interface Kernels {
  readonly uint8: string | undefined;
  readonly int8: string | undefined;
}

const both = (name: string): Kernels => ({ uint8: name, int8: name });
const noKernel: Kernels = { uint8: undefined, int8: undefined };
const none = (why: string): QuantizableOperator => ({ role: 'none', inputs: [], kernel: noKernel, why });
const noInteger = none('ONNX Runtime has no integer kernel for it');
const unary = (kernel: string, more: Partial<QuantizableOperator> = {}): QuantizableOperator => ({
  role: 'follower',
  inputs: ['activation'],
  operands: 'all',
  kernel: both(kernel),
  ...more,
});
/** Inputs behind the first are shapes, axes, indices: read as they are. */
const passThrough = (kernel: string, more: Partial<QuantizableOperator> = {}): QuantizableOperator => ({
  role: 'passThrough',
  inputs: ['activation'],
  kernel: both(kernel),
  ...more,
});

export const operators = {
  Conv: {
    role: 'anchor',
    inputs: ['activation', 'weight', 'bias'],
    weightAxis: () => 0,
    absorbsClamp: true,
    operands: 'conv',
    kernel: both('QLinearConv'),
    accepts: all(constantWeight, constantBias),
  },
  Gemm: {
    role: 'anchor',
    inputs: ['activation', 'weight', 'bias'],
    weightAxis: (node) => (node.int('transB', 0) === 0 ? 1 : 0),
    absorbsClamp: true,
    floatOutput: 'com.microsoft.QGemm',
    operands: 'gemm',
    kernel: both('com.microsoft.QGemm'),
    accepts: all(constantWeight, constantBias),
  },
  MatMul: {
    role: 'anchor',
    inputs: ['activation', 'weight'],
    weightAxis: (_node, rank) => rank - 1,
    absorbsClamp: true,
    floatOutput: 'com.microsoft.MatMulIntegerToFloat',
    operands: 'matmul',
    kernel: both('QLinearMatMul'),
    accepts: constantWeight,
  },

  Add: {
    role: 'follower',
    inputs: ['activation', 'activation'],
    absorbsClamp: true,
    operands: 'all',
    kernel: both('com.microsoft.QLinearAdd'),
  },
  Mul: {
    role: 'follower',
    inputs: ['activation', 'activation'],
    absorbsClamp: true,
    operands: 'all',
    kernel: both('com.microsoft.QLinearMul'),
  },
  Concat: {
    role: 'follower',
    inputs: [],
    rest: 'activation',
    absorbsClamp: true,
    operands: 'concat',
    kernel: both('com.microsoft.QLinearConcat'),
  },
  Where: {
    role: 'follower',
    inputs: ['parameter', 'activation', 'activation'],
    operands: 'all',
    kernel: both('com.microsoft.QLinearWhere'),
  },
  AveragePool: unary('com.microsoft.QLinearAveragePool', { absorbsClamp: true }),
  GlobalAveragePool: unary('com.microsoft.QLinearGlobalAveragePool', { absorbsClamp: true }),
  LeakyRelu: unary('com.microsoft.QLinearLeakyRelu'),
  Sigmoid: unary('com.microsoft.QLinearSigmoid', { fixedRange: 'unit' }),
  Softmax: unary('com.microsoft.QLinearSoftmax', { fixedRange: 'unit' }),

  Relu: { role: 'clamp', inputs: ['activation'], onCodes: true, kernel: { uint8: 'Clip', int8: undefined } },
  Clip: {
    role: 'clamp',
    inputs: ['activation', 'parameter', 'parameter'],
    onCodes: true,
    kernel: { uint8: 'Clip', int8: undefined },
    accepts: clipBounds,
  },

  MaxPool: passThrough('MaxPool', { accepts: singleOutput }),
  Resize: passThrough('Resize', { accepts: resizeNearest }),
  Reshape: passThrough('Reshape'),
  Flatten: passThrough('Flatten'),
  Transpose: passThrough('Transpose'),
  Squeeze: passThrough('Squeeze'),
  Unsqueeze: passThrough('Unsqueeze'),
  Slice: passThrough('Slice'),
  Split: passThrough('Split'),
  Gather: passThrough('Gather'),
  GatherElements: passThrough('GatherElements'),
  Expand: passThrough('Expand'),
  Tile: passThrough('Tile'),
  DepthToSpace: passThrough('DepthToSpace'),
  ReduceMax: passThrough('ReduceMax'),
  ReduceMin: passThrough('ReduceMin'),
  SpaceToDepth: passThrough('SpaceToDepth', {
    onCodes: true,
    kernel: { uint8: 'SpaceToDepth', int8: undefined },
  }),
  Pad: passThrough('Pad', {
    onCodes: true,
    kernel: { uint8: 'Pad', int8: undefined },
    accepts: padsWithZero,
  }),

  ConvTranspose: noInteger,
  PRelu: noInteger,
  HardSigmoid: noInteger,
  HardSwish: noInteger,
  Tanh: noInteger,
  Elu: noInteger,
  Gelu: noInteger,
  Erf: noInteger,
  Exp: noInteger,
  Sqrt: noInteger,
  Sub: noInteger,
  Div: noInteger,
  Pow: noInteger,
  Max: noInteger,
  Min: noInteger,
  ReduceMean: noInteger,
  ReduceSum: noInteger,
  GlobalMaxPool: noInteger,
  InstanceNormalization: noInteger,
  LayerNormalization: noInteger,
  BatchNormalization: none(
    'it was not folded into a neighbour, and ONNX Runtime has no integer kernel for it',
  ),
  LSTM: none('ONNX Runtime has no static integer kernel for it; int8-dynamic quantizes it'),
  GRU: none('ONNX Runtime has no static integer kernel for it'),
  RNN: none('ONNX Runtime has no static integer kernel for it'),
  TopK: noInteger,
} as const satisfies Record<string, QuantizableOperator>;
