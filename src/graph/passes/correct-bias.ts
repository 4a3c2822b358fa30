import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import {
  eachWeight,
  type LinearLayer,
  linearLayer,
  loadLayerBias,
  loadLayerWeight,
  storeLayerBias,
} from './linear-layer.ts';
import type { PassContext, PassResult } from './pass.ts';

/** What the analytic correction needs to know of weights and activations. */
export interface CorrectBiasContext extends PassContext {
  /** Mean of each channel of a layer's input, by value name, measured on calibration data. */
  readonly means: ReadonlyMap<string, Float32Array>;
  /** The weight as its codes will stand for it; undefined where it stays float. */
  readonly quantized: (weight: string, node: Node) => Promise<Float32Array | undefined>;
}

/**
 * Analytic bias correction (Nagel et al. 2019, arXiv:1906.04721, section 4.2): rounding errors of a weight do
 * not cancel over a channel, so its output is off by a constant, which the bias can take back.
 *
 *   E[y~] - E[y] = (W~ - W) E[x],   b' = b - (W~ - W) E[x]
 *
 * Where padding puts zeros instead of x the border is corrected a little too much.
 */
export async function correctBias(model: Model, context: CorrectBiasContext): Promise<PassResult> {
  const { graph } = model;
  let changes = 0;
  for (const layer of linearLayers(graph)) {
    const mean = context.means.get(layer.input);
    if (mean === undefined) continue;
    const quantized = await context.quantized(layer.weight, layer.node);
    if (quantized === undefined) continue;
    const weight = await loadLayerWeight(graph, layer);
    const shift = new Float64Array(layer.outChannels);
    eachWeight(layer.layout, (at, out, input) => {
      shift[out]! += (quantized[at]! - weight[at]!) * mean[input]!;
    });
    await shiftBias(
      graph,
      layer,
      shift.map((e) => -e),
    );
    changes++;
  }
  return { changes, notes: [] };
}

/** Adds `shift`, one number per output channel, to the bias of a layer. */
export async function shiftBias(graph: Graph, layer: LinearLayer, shift: ArrayLike<number>): Promise<void> {
  const bias = await loadLayerBias(graph, layer);
  storeLayerBias(
    graph,
    layer,
    bias.map((b, i) => b + shift[i]!),
  );
}

/** Every linear layer of a graph, in topological order. */
export function linearLayers(graph: Graph): LinearLayer[] {
  return graph.topologicalOrder().flatMap((node) => linearLayer(graph, node) ?? []);
}
