import { dtypeOfNumber } from '../../files/onnx/index.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import type { Dim, TypeInfo } from '../value.ts';
import { bypass, isUnused } from './bypass.ts';
import { constantOf, numbersOf } from './constant.ts';
import { inferShapes } from './infer-shapes.ts';
import { everyGraph, type PassContext, type PassResult } from './pass.ts';

/** What a test of a node may look at. */
interface Look {
  readonly node: Node;
  readonly opset: number;
  shape(value: string): readonly Dim[] | undefined;
  type(value: string): TypeInfo | undefined;
  /** Numbers of a constant input; undefined when it is omitted or not constant. */
  numbers(input: number): Promise<number[] | undefined>;
}

const given = (node: Node, i: number) => (node.inputs[i] ?? '') !== '';

/** Dimensions agree in all places but one at most: that one follows, as the number of elements is kept. */
function sameShape({ node, shape }: Look): boolean {
  const [x, y] = [shape(node.inputs[0]!), shape(node.outputs[0]!)];
  if (x === undefined || x.length !== y?.length) return false;
  let open = 0;
  for (const [i, d] of x.entries()) {
    if (typeof d === 'number' && d === y[i] && d !== 0) continue;
    if (typeof d === 'number' && typeof y[i] === 'number') return false;
    open++;
  }
  return open <= 1;
}

const oneInput = ({ node }: Look) => node.inputs.length === 1;

/** Which nodes give back their first input as it is. */
const passesThrough: Readonly<Record<string, (look: Look) => boolean | Promise<boolean>>> = {
  Identity: () => true,
  Dropout: async ({ node, opset, numbers }) => opset < 12 || !given(node, 2) || (await numbers(2))?.[0] === 0,
  Cast: ({ node, type }) => {
    const from = type(node.inputs[0]!);
    return (
      from?.kind === 'tensor' && from.dtype !== undefined && from.dtype === dtypeOfNumber(node.int('to', 0))
    );
  },
  Reshape: sameShape,
  Flatten: ({ node, shape }) => shape(node.inputs[0]!)?.length === 2 && [1, -1].includes(node.int('axis', 1)),
  Transpose: ({ node }) => node.ints('perm')?.every((p, i) => p === i) ?? false,
  Pad: async ({ node, numbers }) =>
    (node.ints('pads') ?? (given(node, 1) ? await numbers(1) : undefined))?.every((p) => p === 0) ?? false,
  Concat: oneInput,
  Sum: oneInput,
  Max: oneInput,
  Min: oneInput,
  Mean: oneInput,
};

/**
 * Removes nodes that change nothing: Identity, Dropout at inference, Cast to the same type, Reshape to the
 * same shape, Transpose in order, Pad by nothing, Concat and the like of one input. Names of outputs stay.
 */
export async function removeIdentity(model: Model, context: PassContext = {}): Promise<PassResult> {
  const types = await inferShapes(model, { annotations: false });
  const type = (value: string) => types.get(value);
  const shape = (value: string) => {
    const found = types.get(value);
    return found?.kind === 'tensor' ? found.shape : undefined;
  };
  const changes = await everyGraph(
    model,
    async (graph, enclosing) => {
      let removed = 0;
      for (const node of graph.topologicalOrder()) {
        const numbers = async (input: number) => {
          const weight = constantOf(graph, enclosing, node.inputs[input] ?? '');
          return weight && numbersOf(weight);
        };
        const unchanged = await passesThrough[node.kind]?.({
          node,
          opset: model.opset,
          shape,
          type,
          numbers,
        });
        if (unchanged && node.outputs.slice(1).every((o) => isUnused(graph, o)) && bypass(graph, node))
          removed++;
      }
      return removed;
    },
    context.signal,
  );
  return { changes, notes: [] };
}
