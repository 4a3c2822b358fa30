import type { Runtime } from '../../../runtime/index.ts';
import { Graph } from '../../graph.ts';
import { Model } from '../../model.ts';
import { Node } from '../../node.ts';
import { encodeOnnx } from '../../onnx/index.ts';
import type { Weight } from '../../weight.ts';
import type { Numbers } from './evaluator.ts';

/** Another result in every run, or codes that should stay codes. */
const notFolded = new Set([
  ...['RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Multinomial', 'Bernoulli'],
  ...['Dropout', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'],
]);

/** Element types that a session gives back. */
const returned = new Set<string>([
  ...['float32', 'float64', 'float16', 'bool'],
  ...['int64', 'int32', 'int16', 'int8', 'uint64', 'uint32', 'uint16', 'uint8'],
]);

/** Computes a standard node on constants by a model of that node alone; undefined where that does not work. */
export async function runConstantNode(
  model: Model,
  node: Node,
  weights: readonly (Weight | undefined)[],
  runtime: Runtime,
): Promise<readonly Numbers[] | undefined> {
  if (node.kind !== node.op || notFolded.has(node.op) || node.outputs.includes('')) return undefined;
  const graph = new Graph('constant');
  for (const [i, name] of node.inputs.entries()) if (name !== '') graph.initializers.set(name, weights[i]!);
  graph.add(new Node(node));
  graph.outputs = node.outputs.map((name) => ({ name, type: undefined }));
  const alone = new Model(graph);
  alone.irVersion = Math.max(model.irVersion, 4);
  alone.opsets.set('', model.opset);
  try {
    const session = await runtime.load(await encodeOnnx(alone), { optimization: 'disabled' });
    try {
      const results = await session.run({});
      const tensors = node.outputs.map((name) => results[name]);
      return tensors.every((t) => t !== undefined && returned.has(t.dtype))
        ? (tensors as Numbers[])
        : undefined;
    } finally {
      await session.release();
    }
  } catch {
    // The runtime has no such operator: the node stays, and whoever runs the model will say so.
    return undefined;
  }
}
