import type { Attribute } from '../../attribute.ts';
import { floatAttribute } from '../../node.ts';
import type { EmitContext, PreparedNode } from './apply.ts';
import { CodeValues } from './code-values.ts';
import { emitOnCodes } from './emit-on-codes.ts';

/**
 * QOperator form: integer operators by name, codes between them, conversions only where a float operator or
 * the user reads. com.microsoft operators come from ONNX Runtime's contributed set; QLinearConv and
 * QLinearMatMul are ai.onnx.
 */
export function emitQOperator(context: EmitContext): void {
  const { graph, model, valueMap } = context;
  const values = new CodeValues(context);
  const made: string[] = [];
  for (const prepared of context.nodes) {
    const { planned } = prepared;
    for (const absorbed of planned.clamp?.nodes ?? []) graph.remove(graph.producer(absorbed)!);
    if (planned.row.operands === undefined) {
      for (const [value, codes] of emitOnCodes(context, values, prepared)) {
        values.note(value, codes);
        made.push(value);
      }
      continue;
    }
    if (planned.floatOutput) {
      emitInteger(context, values, prepared, prepared.node.outputs[0]!);
      continue;
    }
    const value = planned.outputs[0]!;
    let codes = graph.freshName(`${value}_codes`);
    emitInteger(context, values, prepared, codes);
    if (planned.clamp && prepared.clamp) codes = values.cut(codes, value, prepared.clamp);
    values.note(value, codes);
    made.push(value);
  }
  for (const value of made) {
    if (graph.consumers(value).size === 0 && !graph.isOutput(value)) continue;
    values.dequantize(context.codes.get(value)!.codes, value, value);
    valueMap.set(value, value);
  }
  if ([...graph.nodes].some((n) => n.domain === 'com.microsoft')) model.opsets.set('com.microsoft', 1);
}

type Operands = NonNullable<PreparedNode['planned']['row']['operands']>;

/** How each family lists codes, scales and zero points. `x(i)` gives [codes, scale, zero point] of input i. */
const operandLists: {
  readonly [K in Operands]: (n: PreparedNode, x: (i: number) => string[], y: readonly string[]) => string[];
} = {
  conv: (n, x, y) => [...x(0), ...x(1), ...y, ...(n.bias ? [n.bias.codes] : [])],
  matmul: (_n, x, y) => [...x(0), ...x(1), ...y],
  gemm: (n, x, y) => [...x(0), ...x(1), ...(n.bias || y.length > 0 ? [n.bias?.codes ?? ''] : []), ...y],
  all: (n, x, y) => [...n.node.inputs.flatMap((_, i) => x(i)), ...y],
  concat: (n, x, y) => [...y, ...n.node.inputs.flatMap((_, i) => x(i))],
};

function emitInteger(context: EmitContext, values: CodeValues, prepared: PreparedNode, output: string): void {
  const { graph } = context;
  const { node, planned, constants } = prepared;
  const { row } = planned;
  const operand = (i: number): string[] => {
    const name = node.inputs[i]!;
    const constant = constants.get(i);
    if (constant) return [constant.codes, constant.scale, constant.zeroPoint];
    if ((row.inputs[i] ?? row.rest) !== 'activation') return [name];
    const { scaleName, zeroPointName } = values.parameters(name);
    return [values.codesOf(name), scaleName, zeroPointName];
  };
  const result = planned.outputs[0]!;
  const { scaleName, zeroPointName } = planned.floatOutput
    ? { scaleName: '', zeroPointName: '' }
    : values.parameters(result);
  const kind = (planned.floatOutput ? row.floatOutput : row.kernel.uint8)!;
  const inputs =
    kind === 'com.microsoft.MatMulIntegerToFloat'
      ? regroup(operand(0), operand(1))
      : operandLists[row.operands!](prepared, operand, planned.floatOutput ? [] : [scaleName, zeroPointName]);
  const dot = kind.lastIndexOf('.');
  const attributes = new Map<string, Attribute>(node.attributes);
  if (node.op === 'Gemm') {
    // Both are in the codes now, and QGemm knows no beta.
    attributes.delete('beta');
    attributes.set('alpha', floatAttribute(1));
  }
  if (node.op === 'Softmax') {
    attributes.set('opset', { type: 'int', value: BigInt(context.model.opset) });
  }
  graph.remove(node);
  graph.add({
    op: kind.slice(dot + 1),
    domain: dot < 0 ? '' : kind.slice(0, dot),
    name: node.name,
    inputs,
    outputs: [output],
    attributes,
  });
}

/** MatMulIntegerToFloat lists codes first, then scales, then zero points. */
const regroup = (a: readonly string[], b: readonly string[]) => a.flatMap((name, i) => [name, b[i]!]);
