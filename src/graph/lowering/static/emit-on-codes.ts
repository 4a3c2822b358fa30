import type { EmitContext, PreparedNode } from './apply.ts';
import type { CodeValues } from './code-values.ts';

/**
 * Lets a pass-through operator or a clamp work on codes directly. Returns float value -> codes of its outputs.
 * Relu and Clip become a Clip of codes; Pad pads with the zero point.
 */
export function emitOnCodes(
  { graph }: EmitContext,
  values: CodeValues,
  { node, planned, clamp }: PreparedNode,
): Map<string, string> {
  const input = values.codesOf(node.inputs[0]!);
  const first = planned.outputs[0]!;
  if (clamp) {
    graph.remove(node);
    return new Map([[first, values.cut(input, first, clamp)]]);
  }
  const results = new Map<string, string>();
  graph.setInput(node, 0, input);
  if (node.op === 'Pad') {
    graph.setInput(node, 2, values.scalar(`${first}_padding`, values.parameters(first).zeroPoint));
  }
  for (const [index, value] of node.outputs.entries()) {
    if (value === '') continue;
    const codes = graph.freshName(`${value}_codes`);
    graph.setOutput(node, index, codes);
    results.set(value, codes);
  }
  return results;
}
