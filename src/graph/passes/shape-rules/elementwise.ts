import { dtypeOfNumber } from '../../../files/onnx/index.ts';
import type { DType } from '../../../tensor/index.ts';
import { broadcast, merge, type Rule, type RuleContext, type RuleTable } from './rule.ts';

/** Output like input 0. */
export const same: Rule = (c) => [c.input(0)];

const inputs = (c: RuleContext) => c.node.inputs.map((_, i) => c.input(i));

/** Broadcast of all inputs; element type of the first input that has one. */
const variadic: Rule = (c) => [
  {
    dtype: inputs(c).find((t) => t.dtype !== undefined)?.dtype,
    shape: broadcast(inputs(c).map((t) => t.shape)),
  },
];

const predicate: Rule = (c) => [{ dtype: 'bool', shape: broadcast(inputs(c).map((t) => t.shape)) }];

const to =
  (dtype: DType): Rule =>
  (c) => [{ dtype, shape: c.input(0).shape }];

/** Element type by an attribute, else that of input 0. */
const typedBy =
  (attribute: string, fallback?: DType): Rule =>
  (c) => [
    {
      dtype: dtypeOfNumber(c.node.int(attribute, 0)) ?? fallback ?? c.input(0).dtype,
      shape: c.input(0).shape,
    },
  ];

/** `to` was a string before version 6 of Cast; those models are below the oldest opset we read. */
const cast: Rule = (c) => [{ dtype: dtypeOfNumber(c.node.int('to', 0)), shape: c.input(0).shape }];

const unary = [
  ...['Abs', 'Neg', 'Ceil', 'Floor', 'Round', 'Sign', 'Sqrt', 'Reciprocal', 'Exp', 'Log', 'Erf', 'Not'],
  ...['Sin', 'Cos', 'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Tanh', 'Asinh', 'Acosh', 'Atanh'],
  ...['Relu', 'LeakyRelu', 'PRelu', 'ThresholdedRelu', 'Elu', 'Selu', 'Celu', 'Sigmoid', 'HardSigmoid'],
  ...['HardSwish', 'Gelu', 'Mish', 'Swish', 'Softplus', 'Softsign', 'Softmax', 'LogSoftmax', 'Hardmax'],
  ...['Clip', 'Shrink', 'Identity', 'BitwiseNot', 'CumSum', 'Trilu', 'CumProd', 'BitCast'],
  ...['LpNormalization', 'LRN', 'MeanVarianceNormalization', 'InstanceNormalization', 'GroupNormalization'],
  ...['Scatter', 'ScatterElements', 'ScatterND', 'ReverseSequence', 'TensorScatter', 'RMSNormalization'],
  ...['com.microsoft.Gelu', 'com.microsoft.FastGelu', 'com.microsoft.QuickGelu', 'com.microsoft.BiasGelu'],
  ...['SimplifiedLayerNormalization', 'com.microsoft.RotaryEmbedding', 'RotaryEmbedding'],
  ...['onnx.brevitas.Quant', 'onnx.brevitas.BipolarQuant', 'qonnx.custom_op.general.Quant'],
  ...['qonnx.custom_op.general.BipolarQuant', 'finn.custom_op.general.Quant'],
  ...['com.microsoft.QLinearSigmoid', 'com.microsoft.QLinearLeakyRelu', 'com.microsoft.QLinearSoftmax'],
];

/** Both operands count for the element type: Pow and shifts take it from the left one. */
const arithmetic = ['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Max', 'Min', 'Sum', 'Mean'];
const bitwise = ['BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'BitShift', 'Pow'];
const comparisons = ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'];

const all = (names: readonly string[], rule: Rule): RuleTable =>
  Object.fromEntries(names.map((name) => [name, rule]));

export const elementwiseRules: RuleTable = {
  ...all(unary, same),
  ...all(arithmetic, variadic),
  ...all(bitwise, (c) => [
    { dtype: c.input(0).dtype, shape: broadcast([c.input(0).shape, c.input(1).shape]) },
  ]),
  ...all(comparisons, predicate),
  And: predicate,
  Or: predicate,
  Xor: predicate,
  IsNaN: to('bool'),
  IsInf: to('bool'),
  Cast: cast,
  CastLike: (c) => [{ dtype: c.input(1).dtype, shape: c.input(0).shape }],
  BitCast: cast,
  PRelu: (c) => [merge(c.input(0), c.input(1))],
  Where: (c) => [
    {
      dtype: c.input(1).dtype ?? c.input(2).dtype,
      shape: broadcast([c.input(0).shape, c.input(1).shape, c.input(2).shape]),
    },
  ],
  Dropout: (c) => [c.input(0), { dtype: c.opset >= 10 ? 'bool' : c.input(0).dtype, shape: c.input(0).shape }],
  BatchNormalization: (c) => {
    const statistics = { dtype: c.input(3).dtype ?? c.input(0).dtype, shape: c.input(3).shape };
    return [c.input(0), statistics, statistics, statistics, statistics];
  },
  LayerNormalization: normalization,
  'com.microsoft.SkipLayerNormalization': (c) => [c.input(0), undefined, undefined, c.input(0)],
  'com.microsoft.SkipSimplifiedLayerNormalization': (c) => [c.input(0), undefined, undefined, c.input(0)],
  Bernoulli: typedBy('dtype'),
  RandomNormalLike: typedBy('dtype'),
  RandomUniformLike: typedBy('dtype'),
  EyeLike: typedBy('dtype'),
};

/** Mean and inverse deviation keep the rank, with 1 from `axis` on, in the precision of `stash_type`. */
function normalization(c: RuleContext): ReturnType<Rule> {
  const x = c.input(0);
  const axis = c.node.int('axis', -1);
  const first = x.shape && (axis < 0 ? axis + x.shape.length : axis);
  const dtype = dtypeOfNumber(c.node.int('stash_type', 1));
  const statistics = { dtype, shape: x.shape?.map((d, i) => (i < first! ? d : 1)) };
  return [x, statistics, statistics];
}
