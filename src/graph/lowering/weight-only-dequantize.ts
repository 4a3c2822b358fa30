import { formats, schemeOf } from '../../numerics/index.ts';
import type { Node } from '../node.ts';
import { blockedLayout } from './blocked-layout.ts';
import { type CodeLayout, plainLayout } from './code-layout.ts';
import { addScaledBias } from './gemm-operands.ts';
import { blockFor } from './nbits-layout.ts';
import type { Scope } from './scope.ts';
import type { WeightOnlyContext } from './weight-only.ts';
import { productOf } from './weight-only-matmul.ts';

/**
 * MatMul and Gemm -> DequantizeLinear + MatMul (+ Add), the standard form: int8 per channel (opset 13), or
 * blocks of 2, 4 or 8 bits along K (opset 21, 2 bits 25). ONNX Runtime fuses both to MatMulNBits at accuracy
 * level 4; a session with disable_quant_qdq=1 computes it exactly as written.
 */
export function lowerToDequantizedMatMul(
  context: WeightOnlyContext,
  scope: Scope,
  node: Node,
): true | string {
  const { rewrite, weights, quantizer } = context;
  const product = productOf(context, scope, node);
  if (typeof product === 'string') return product;
  const { inputs: K, outputs: N, transposed, factor, found } = product;
  const { dims } = found.weight;
  const grouped = weights.granularity === 'per-group';
  const block = blockFor(weights.blockSize ?? 32, K);
  const axis = grouped ? (transposed ? 1 : 0) : transposed ? 0 : 1;
  const scheme = schemeOf({ ...weights, blockSize: block }, axis);
  const layout: CodeLayout = grouped
    ? blockedLayout({ scheme, inputs: K, outputs: N, block, transposed, factor })
    : plainLayout({
        ...{ scheme, dims, codeDims: [K, N], factor },
        zeroPoint: formats[scheme.format].symmetricZero === 0 ? 'as-scheme' : 'always',
        ...(transposed && { order: { batch: 1, rows: N, columns: K } }),
      });
  const coded = rewrite.code({ name: product.w, found, node, scheme, layout, quantizer });
  const { graph } = scope;
  const [y] = node.outputs as [string];
  graph.remove(node);
  const real = rewrite.fresh(`${product.w}_dequantized`);
  const named = (op: string) => rewrite.fresh(`${node.name || y}_${op}`);
  graph.add({
    op: 'DequantizeLinear',
    name: named('DequantizeLinear'),
    inputs: [coded.codes, coded.scale, ...(coded.zeroPoint ? [coded.zeroPoint] : [])],
    outputs: [real],
    attributes: grouped
      ? { axis: 0, block_size: block }
      : scheme.granularity.kind === 'per-channel'
        ? { axis: 1 }
        : {},
  });
  const { gemm } = product;
  const biased = gemm?.c !== undefined;
  const output = biased ? rewrite.fresh(`${y}_product`) : y;
  graph.add({ op: 'MatMul', name: named('MatMul'), inputs: [product.input(), real], outputs: [output] });
  if (biased) addScaledBias(rewrite, scope, node, output, gemm, y);
  return true;
}
