import { dtypeOfNumber } from '../../../files/onnx/index.ts';
import { broadcast, type Rule, type RuleContext, type RuleTable, type Type } from './rule.ts';

const quantize: Rule = (c) => [{ dtype: quantizedType(c), shape: c.input(0).shape }];

function quantizedType(c: RuleContext): Type['dtype'] {
  if (c.has(2)) return c.input(2).dtype;
  return outputDType(c) ?? 'uint8';
}

const outputDType = (c: RuleContext) => dtypeOfNumber(c.node.int('output_dtype', 0));

const dequantize: Rule = (c) => [{ dtype: outputDType(c) ?? c.input(1).dtype, shape: c.input(0).shape }];

export const quantizationRules: RuleTable = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  'com.microsoft.QuantizeLinear': quantize,
  'com.microsoft.DequantizeLinear': dequantize,
  DynamicQuantizeLinear: (c) => [
    { dtype: 'uint8', shape: c.input(0).shape },
    { dtype: 'float32', shape: [] },
    { dtype: 'uint8', shape: [] },
  ],
  'com.microsoft.QLinearAdd': binaryQuantized,
  'com.microsoft.QLinearMul': binaryQuantized,
  'com.microsoft.QLinearGlobalAveragePool': (c) => {
    const shape = c.input(0).shape;
    return [
      {
        dtype: c.input(0).dtype,
        shape: c.node.int('channels_last', 0) ? undefined : shape?.map((d, i) => (i < 2 ? d : 1)),
      },
    ];
  },
  'com.microsoft.QLinearAveragePool': (c) => [{ dtype: c.input(0).dtype }],
};

function binaryQuantized(c: RuleContext): ReturnType<Rule> {
  return [{ dtype: c.input(0).dtype, shape: broadcast([c.input(0).shape, c.input(3).shape]) }];
}
