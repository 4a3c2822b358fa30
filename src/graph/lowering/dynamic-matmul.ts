import type { Node } from '../node.ts';
import { plainLayout } from './code-layout.ts';
import type { DynamicContext, DynamicRule } from './dynamic.ts';
import { addScaledBias, gemmOperands } from './gemm-operands.ts';
import { matMulWeight } from './matmul-weight.ts';
import type { CodedNames } from './rewrite.ts';
import type { Scope } from './scope.ts';

/** y = x w with w constant: codes [K, N] in place of w, scales per column. */
export const lowerMatMulDynamic: DynamicRule = (context, scope, node) => {
  const { rewrite, options } = context;
  const [x, w] = node.inputs as [string, string];
  const found = matMulWeight(rewrite, scope, node);
  if (typeof found === 'string') return found;
  const { dims } = found.weight;
  if (dims.length < 2) return 'its weight is a vector';
  // MatMulInteger takes scales per column for plain matrices only: a stack of matrices gets one scale.
  const scheme = context.scheme(dims.length === 2 ? 1 : undefined);
  const coded = rewrite.code({
    name: w,
    found,
    node,
    scheme,
    layout: plainLayout({ scheme, dims, zeroPoint: scheme.format === 'uint8' ? 'always' : 'as-scheme' }),
    quantizer: options.quantizer,
  });
  const [y] = node.outputs as [string];
  scope.graph.remove(node);
  emitProduct(context, scope, node, x, coded, y);
  return true;
};

/** y = alpha x' w' + beta c: transposes are done to the codes, alpha goes into the scales, beta into c. */
export const lowerGemmDynamic: DynamicRule = (context, scope, node) => {
  const { rewrite, options } = context;
  const gemm = gemmOperands(rewrite, scope, node);
  if (typeof gemm === 'string') return gemm;
  const { found, transB, alpha, rows, columns } = gemm;
  const scheme = context.scheme(transB ? 0 : 1);
  const coded = rewrite.code({
    name: gemm.w,
    found,
    node,
    scheme,
    layout: plainLayout({
      scheme,
      dims: found.weight.dims,
      codeDims: [gemm.inputs, gemm.outputs],
      zeroPoint: scheme.format === 'uint8' ? 'always' : 'as-scheme',
      factor: alpha,
      ...(transB && { order: { batch: 1, rows, columns } }),
    }),
    quantizer: options.quantizer,
  });
  const [y] = node.outputs as [string];
  scope.graph.remove(node);
  const x = gemm.input();
  const product = gemm.c === undefined ? y : rewrite.fresh(`${y}_product`);
  emitProduct(context, scope, node, x, coded, product);
  if (gemm.c !== undefined) addScaledBias(rewrite, scope, node, product, gemm, y);
  return true;
};

/** The four operators that ONNX Runtime fuses: y = float(xq wq) * (x_scale * w_scale). */
function emitProduct(
  context: DynamicContext,
  scope: Scope,
  node: Node,
  x: string,
  coded: CodedNames,
  y: string,
): void {
  const { rewrite } = context;
  const { graph } = scope;
  const input = context.quantizeInput(scope, x);
  const [sums, reals, scale] = ['sums', 'reals', 'scale'].map((part) => rewrite.fresh(`${y}_${part}`)) as [
    string,
    string,
    string,
  ];
  const named = (op: string) => rewrite.fresh(`${node.name || y}_${op}`);
  graph.add({
    op: 'MatMulInteger',
    name: named('MatMulInteger'),
    inputs: [input.codes, coded.codes, input.zeroPoint, ...(coded.zeroPoint ? [coded.zeroPoint] : [])],
    outputs: [sums],
  });
  graph.add({ op: 'Cast', name: named('Cast'), inputs: [sums], outputs: [reals], attributes: { to: 1 } });
  graph.add({ op: 'Mul', name: named('Scale'), inputs: [input.scale, coded.scale], outputs: [scale] });
  graph.add({ op: 'Mul', name: named('Rescale'), inputs: [reals, scale], outputs: [y] });
}
