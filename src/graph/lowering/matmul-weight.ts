import type { Node } from '../node.ts';
import type { Rewrite } from './rewrite.ts';
import type { FoundConstant, Scope } from './scope.ts';

/** The constant float32 weight on the right side of a MatMul; a string says why there is none. */
export function matMulWeight(rewrite: Rewrite, scope: Scope, node: Node): FoundConstant | string {
  const [x, w] = node.inputs;
  const found = rewrite.constant(scope, w);
  if (found === undefined) {
    return rewrite.constant(scope, x) === undefined
      ? 'both sides of the product are activations'
      : 'the weight is on the left side; only a right side is quantized';
  }
  const { dtype } = found.weight;
  return dtype === 'float32' ? found : `its weight is ${dtype}, not float32`;
}
