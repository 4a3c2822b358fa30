import type { Node } from '../node.ts';
import { type CodeLayout, plainLayout } from './code-layout.ts';
import { reshapeWeight } from './coded-weight.ts';
import type { DynamicContext, DynamicRule } from './dynamic.ts';
import type { CodedNames } from './rewrite.ts';
import type { FoundConstant } from './scope.ts';

/**
 * LSTM -> com.microsoft.DynamicQuantizeLSTM, 3-4 times as fast as float on x64. It wants weights transposed:
 * [directions, inputs, 4 hidden] where LSTM has [directions, 4 hidden, inputs]. Codes are symmetric, scales
 * per gate row and direction.
 */
export const lowerLstmDynamic: DynamicRule = (context, scope, node) => {
  const { rewrite, options } = context;
  if (options.recurrent === false) return 'recurrent layers were to stay float';
  if (node.int('layout', 0) !== 0) return 'DynamicQuantizeLSTM has no batch-first layout';
  const [x, w, r, b = '', lengths = '', initialH = '', initialC = '', peepholes = ''] =
    node.inputs as string[];
  const foundW = rewrite.constant(scope, w);
  const foundR = rewrite.constant(scope, r);
  if (foundW === undefined || foundR === undefined) return 'its weights are not constants';
  for (const { weight } of [foundW, foundR]) {
    if (weight.dtype !== 'float32') return `its weights are ${weight.dtype}, not float32`;
  }
  const codedW = codeGates(context, node, w!, foundW);
  const codedR = codeGates(context, node, r!, foundR);
  const { graph } = scope;
  const { outputs } = node;
  const attributes = new Map(node.attributes);
  attributes.delete('layout');
  graph.remove(node);
  rewrite.useContrib();
  graph.add({
    op: 'DynamicQuantizeLSTM',
    domain: 'com.microsoft',
    name: node.name,
    inputs: [
      ...[x!, codedW.codes, codedR.codes, b, lengths, initialH, initialC, peepholes],
      ...[codedW.scale, codedW.zeroPoint!, codedR.scale, codedR.zeroPoint!],
    ],
    outputs,
    attributes,
  });
  return true;
};

/** Codes of W or R: [directions, gates, inputs] seen as gates of all directions, stored transposed. */
function codeGates(
  { rewrite, options, scheme }: DynamicContext,
  node: Node,
  name: string,
  found: FoundConstant,
): CodedNames {
  const [directions, gates, inputs] = found.weight.dims as [number, number, number];
  const perGate = scheme(0).granularity.kind === 'per-channel';
  const dims = perGate ? [directions * gates, inputs] : [directions, gates * inputs];
  // One scale per row of the view: gate rows, or whole directions.
  const chosen = { ...scheme(0), symmetric: true, granularity: { kind: 'per-channel', axis: 0 } } as const;
  const layout: CodeLayout = plainLayout({
    scheme: chosen,
    dims,
    codeDims: [directions, inputs, gates],
    scaleDims: perGate ? [directions, gates] : [directions],
    zeroPoint: 'always',
    order: { batch: directions, rows: gates, columns: inputs },
  });
  return rewrite.code({
    name,
    found,
    node,
    scheme: chosen,
    layout,
    quantizer: options.quantizer,
    view: reshapeWeight(found.weight, dims),
  });
}
