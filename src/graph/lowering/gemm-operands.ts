import type { Node } from '../node.ts';
import { lazyWeight, type Weight } from '../weight.ts';
import type { Rewrite } from './rewrite.ts';
import type { FoundConstant, Scope } from './scope.ts';

/** The parts of a Gemm whose B is a constant float32 matrix. */
export interface GemmOperands {
  readonly w: string;
  readonly found: FoundConstant;
  readonly transB: boolean;
  readonly alpha: number;
  readonly beta: number;
  /** Shape of B as stored. */
  readonly rows: number;
  readonly columns: number;
  /** K and N of the product. */
  readonly inputs: number;
  readonly outputs: number;
  readonly c: string | undefined;
  /** The name of A, after a Transpose where transA asks for one. */
  input(): string;
}

/** Reads a Gemm; a string says why it cannot be quantized. */
export function gemmOperands(rewrite: Rewrite, scope: Scope, node: Node): GemmOperands | string {
  const [a, w, c] = node.inputs as [string, string, string | undefined];
  const found = rewrite.constant(scope, w);
  if (found === undefined) return 'its weight is not a constant';
  const { dtype, dims } = found.weight;
  if (dtype !== 'float32') return `its weight is ${dtype}, not float32`;
  const [rows, columns] = dims as [number, number];
  const transB = node.int('transB', 0) !== 0;
  return {
    w,
    found,
    transB,
    alpha: node.float('alpha', 1),
    beta: node.float('beta', 1),
    rows,
    columns,
    inputs: transB ? columns : rows,
    outputs: transB ? rows : columns,
    c: c === '' ? undefined : c,
    input() {
      if (node.int('transA', 0) === 0) return a;
      const transposed = rewrite.fresh(`${a}_transposed`);
      scope.graph.add({
        op: 'Transpose',
        name: rewrite.fresh(`${node.name || a}_Transpose`),
        inputs: [a],
        outputs: [transposed],
        attributes: { perm: [1, 0] },
      });
      return transposed;
    },
  };
}

/** Adds y = product + beta c. A constant c is scaled now, others by a Mul. */
export function addScaledBias(
  rewrite: Rewrite,
  scope: Scope,
  node: Node,
  product: string,
  { c, beta }: GemmOperands,
  y: string,
): void {
  const { graph } = scope;
  let bias = c!;
  if (beta !== 1) {
    const found = rewrite.constant(scope, bias);
    if (found?.weight.dtype === 'float32') {
      bias = rewrite.addConstant(found.owner, `${bias}_scaled`, scaledWeight(found.weight, beta));
    } else {
      const factor = rewrite.addConstant(graph, `${y}_beta`, scalarWeight(beta));
      const scaled = rewrite.fresh(`${bias}_scaled`);
      graph.add({
        op: 'Mul',
        name: rewrite.fresh(`${node.name || y}_Beta`),
        inputs: [bias, factor],
        outputs: [scaled],
      });
      bias = scaled;
    }
  }
  graph.add({
    op: 'Add',
    name: rewrite.fresh(`${node.name || y}_Bias`),
    inputs: [product, bias],
    outputs: [y],
  });
}

/** A float32 scalar. */
export function scalarWeight(value: number): Weight {
  const bytes = new Uint8Array(Float32Array.of(value).buffer);
  return lazyWeight('float32', [], async () => bytes);
}

function scaledWeight(weight: Weight, factor: number): Weight {
  return lazyWeight('float32', weight.dims, async () => {
    const bytes = (await weight.read()).slice();
    const values = new Float32Array(bytes.buffer);
    for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor;
    return bytes;
  });
}
