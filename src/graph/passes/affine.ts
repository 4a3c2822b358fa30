import { elementCount } from '../../tensor/index.ts';
import type { Node } from '../node.ts';
import type { Weight } from '../weight.ts';
import { numbersOf } from './constant.ts';

/** y = scale * x + shift, one pair per channel, in float64. */
export interface Affine {
  readonly scale: Float64Array; // [channels]
  readonly shift: Float64Array; // [channels]
}

/** The default of ONNX for `epsilon`. */
const defaultEpsilon = 1e-5;

/**
 * What a BatchNormalization does at inference: s = scale / sqrt(var + epsilon), t = B - mean * s. Undefined
 * when its parameters are not float32 constants, are per element (`spatial` = 0) or give no finite result.
 */
export async function affineOfBatchNorm(
  node: Node,
  constant: (input: number) => Weight | undefined,
): Promise<Affine | undefined> {
  if (node.int('spatial', 1) === 0 || node.int('training_mode', 0) !== 0 || node.outputs.length > 1)
    return undefined;
  const parameters: number[][] = [];
  for (const input of [1, 2, 3, 4]) {
    const weight = constant(input);
    if (weight?.dtype !== 'float32') return undefined;
    parameters.push(await numbersOf(weight));
  }
  const [gamma, beta, mean, variance] = parameters as [number[], number[], number[], number[]];
  const epsilon = node.float('epsilon', defaultEpsilon);
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt(variance[c]! + epsilon));
  const shift = Float64Array.from(beta, (b, c) => b - mean[c]! * scale[c]!);
  return [...scale, ...shift].every(Number.isFinite) ? { scale, shift } : undefined;
}

/**
 * What adding, subtracting, multiplying or dividing by a constant does to each channel. `side` is the
 * position of x. Undefined when the constant is no scalar and not one number per channel.
 */
export async function affineOfConstant(
  op: string,
  side: number,
  constant: Weight,
  output: { readonly channels: number; readonly trailing: number },
): Promise<Affine | undefined> {
  const { channels, trailing } = output;
  if (constant.dtype !== 'float32' || constant.dims.length > trailing + 2) return undefined;
  const count = elementCount(constant.dims);
  if (count !== 1 && (count !== channels || constant.dims.at(-1 - trailing) !== channels)) return undefined;
  const values = await numbersOf(constant);
  const at = (c: number) => values[values.length === 1 ? 0 : c]!;
  const each = (f: (c: number) => number) => Float64Array.from({ length: channels }, (_, c) => f(c));
  const [one, zero] = [each(() => 1), each(() => 0)];
  let affine: Affine | undefined;
  if (op === 'Add') affine = { scale: one, shift: each(at) };
  else if (op === 'Mul') affine = { scale: each(at), shift: zero };
  else if (op === 'Sub')
    affine =
      side === 0 ? { scale: one, shift: each((c) => -at(c)) } : { scale: each(() => -1), shift: each(at) };
  else if (op === 'Div' && side === 0) affine = { scale: each((c) => 1 / at(c)), shift: zero };
  return affine && [...affine.scale, ...affine.shift].every(Number.isFinite) ? affine : undefined;
}
