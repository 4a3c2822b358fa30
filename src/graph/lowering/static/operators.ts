import {
  all,
  clipBounds,
  constantBias,
  constantWeight,
  masksNothing,
  padsWithZero,
  resizeNearest,
  singleOutput,
} from './conditions.ts';
import type { Kernels, QuantizableOperator } from './quantizable-operator.ts';

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

/**
 * THE table of static quantization: which operators compute in integers, and what ONNX Runtime 1.30 makes of
 * them on a CPU. The kernel columns were read off the optimized graphs of one-operator QDQ models;
 * operators.test.ts reads them off again.
 *
 * What the measurements taught, beyond the rows:
 * - Conv fuses only when its output is quantized too; Gemm and MatMul may give floats.
 * - Gemm fuses only when the DequantizeLinear of its weight names a zero point. A bias needs none.
 * - A float bias leaves a Gemm with float output in float; an int32 bias does not.
 * - MatMul and an Add of a constant are first fused into a float Gemm; a QuantizeLinear between prevents it.
 * - A float Conv, ConvTranspose or Gemm between DequantizeLinear and QuantizeLinear is quantized by the
 *   runtime itself, per tensor (see code-values.ts).
 * - On x86, int8 activations are read as uint8 while loading. A constant second operand (Add, Mul, Where) is
 *   not, and the node stays float; int8 Clip or Pad beside a Conv keep that in float too. From opset 21 on, a
 *   conversion that moves past a pass-through operator keeps output_dtype int8, and the model does not load.
 *   What runs is slower: 2 to 4 times in QDQ form, 15 times in QOperator form (s8 x s8 has no fast kernel).
 * - Weights of uint8 run at half the speed of int8 ones, or less.
 *
 * Speed against float (AVX512-VNNI, one thread, [1, 64, 56, 56]): Conv 2 to 3.3, depthwise too; Add 3, Sigmoid
 * 2.8, Transpose 2.6, Clip 2.3, GlobalAveragePool 2, Mul 1.9, Concat 1.6 (2.2 with one scale), Pad 1.7,
 * Where 1.7, LeakyRelu 1.3, Resize 1.3; AveragePool 0.2, Softmax 0.4. MaxPool is 0.6 by itself, but 1.5
 * between convolutions. QuantizeLinear costs 0.3 ns a value, DequantizeLinear 0.5.
 */
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
    // A weight for each batch: the kernels take no scale per column there, and fail while running.
    weightAxis: (_node, rank) => (rank === 2 ? 1 : undefined),
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
    accepts: masksNothing,
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
    accepts: masksNothing,
  },
  Where: {
    role: 'follower',
    inputs: ['parameter', 'activation', 'activation'],
    operands: 'all',
    kernel: both('com.microsoft.QLinearWhere'),
    accepts: masksNothing,
  },
  AveragePool: unary('com.microsoft.QLinearAveragePool', { absorbsClamp: true, slow: true }),
  GlobalAveragePool: unary('com.microsoft.QLinearGlobalAveragePool', { absorbsClamp: true }),
  LeakyRelu: unary('com.microsoft.QLinearLeakyRelu'),
  Sigmoid: unary('com.microsoft.QLinearSigmoid', { fixedRange: 'unit' }),
  Softmax: unary('com.microsoft.QLinearSoftmax', { fixedRange: 'unit', slow: true }),

  Relu: { role: 'clamp', inputs: ['activation'], onCodes: true, kernel: { uint8: 'Clip', int8: undefined } },
  Clip: {
    role: 'clamp',
    inputs: ['activation', 'parameter', 'parameter'],
    onCodes: true,
    kernel: { uint8: 'Clip', int8: undefined },
    accepts: clipBounds,
  },

  MaxPool: passThrough('MaxPool', { narrows: true, accepts: singleOutput }),
  Resize: passThrough('Resize', { accepts: resizeNearest }),
  Reshape: passThrough('Reshape'),
  Flatten: passThrough('Flatten'),
  Transpose: passThrough('Transpose'),
  Squeeze: passThrough('Squeeze'),
  Unsqueeze: passThrough('Unsqueeze'),
  Slice: passThrough('Slice', { narrows: true }),
  Split: passThrough('Split', { narrows: true }),
  Gather: passThrough('Gather', { narrows: true }),
  GatherElements: passThrough('GatherElements', { narrows: true }),
  Expand: passThrough('Expand'),
  Tile: passThrough('Tile'),
  DepthToSpace: passThrough('DepthToSpace'),
  ReduceMax: passThrough('ReduceMax', { narrows: true }),
  ReduceMin: passThrough('ReduceMin', { narrows: true }),
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
