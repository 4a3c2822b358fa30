import { schemeOf } from '../../numerics/index.ts';
import type { Node } from '../node.ts';
import { addScaledBias, type GemmOperands, gemmOperands } from './gemm-operands.ts';
import { matMulWeight } from './matmul-weight.ts';
import { blockFor, nbitsLayout } from './nbits-layout.ts';
import type { FoundConstant, Scope } from './scope.ts';
import type { WeightOnlyContext } from './weight-only.ts';

/** A product whose right side is a constant matrix: MatMul, or Gemm seen as one. */
export interface Product {
  readonly w: string;
  readonly found: FoundConstant;
  /** K and N. */
  readonly inputs: number;
  readonly outputs: number;
  /** The weight lies as [N, K]. */
  readonly transposed: boolean;
  readonly factor: number;
  readonly gemm?: GemmOperands;
  input(): string;
}

/** Reads a MatMul or Gemm; a string says why it stays float. */
export function productOf(
  context: Pick<WeightOnlyContext, 'rewrite'>,
  scope: Scope,
  node: Node,
): Product | string {
  const { rewrite } = context;
  if (node.kind === 'Gemm') {
    const gemm = gemmOperands(rewrite, scope, node);
    if (typeof gemm === 'string') return gemm;
    const { w, found, inputs, outputs, transB, alpha, input } = gemm;
    return { w, found, inputs, outputs, transposed: transB, factor: alpha, gemm, input };
  }
  const [x, w] = node.inputs as [string, string];
  const found = matMulWeight(rewrite, scope, node);
  if (typeof found === 'string') return found;
  const { dims } = found.weight;
  if (dims.length !== 2) return `its weight has ${dims.length} dimensions, not 2`;
  const [inputs, outputs] = dims as [number, number];
  return { w, found, inputs, outputs, transposed: false, factor: 1, input: () => x };
}

/**
 * MatMul and Gemm -> com.microsoft.MatMulNBits: codes [N, blocks, bytes], scales [N, blocks]. K need not be a
 * multiple of the block: the last one is padded, and the operator knows K.
 */
export function lowerToMatMulNBits(context: WeightOnlyContext, scope: Scope, node: Node): true | string {
  const { rewrite, bits, weights, accuracyLevel = 4 } = context;
  const product = productOf(context, scope, node);
  if (typeof product === 'string') return product;
  const { inputs: K, outputs: N } = product;
  const block = blockFor(weights.blockSize ?? 32, K);
  const scheme = schemeOf({ ...weights, blockSize: block }, product.transposed ? 1 : 0);
  const coded = rewrite.code({
    name: product.w,
    found: product.found,
    node,
    scheme,
    layout: nbitsLayout({
      ...{ scheme, bits, block, length: K, rows: N, shape: 'blocks', factor: product.factor },
      order: product.transposed ? 'rows-first' : 'length-first',
    }),
    quantizer: context.quantizer,
  });
  const { graph } = scope;
  const [y] = node.outputs as [string];
  graph.remove(node);
  rewrite.useContrib();
  const { gemm } = product;
  const biased = gemm?.c !== undefined;
  const output = biased ? rewrite.fresh(`${y}_product`) : y;
  graph.add({
    op: 'MatMulNBits',
    domain: 'com.microsoft',
    name: rewrite.fresh(`${node.name || y}_MatMulNBits`),
    inputs: [product.input(), coded.codes, coded.scale, ...(coded.zeroPoint ? [coded.zeroPoint] : [])],
    outputs: [output],
    attributes: { K, N, bits, block_size: block, ...(accuracyLevel && { accuracy_level: accuracyLevel }) },
  });
  if (biased) addScaledBias(rewrite, scope, node, output, gemm, y);
  return true;
}
