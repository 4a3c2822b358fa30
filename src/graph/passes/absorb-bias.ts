import type { Model } from '../model.ts';
import { layerPairs } from './layer-pair.ts';
import { eachWeight, loadLayerBias, loadLayerWeight, storeLayerBias } from './linear-layer.ts';
import type { PassContext, PassResult } from './pass.ts';

/** Mean and standard deviation of each channel of a value. */
export interface ChannelMoments {
  readonly mean: Float32Array;
  readonly std: Float32Array;
}

/** What absorption needs to know of the activations. */
export interface AbsorbContext extends PassContext {
  /**
   * Moments of the first layer's output (before its activation), by value name, measured on calibration
   * data (`measureChannels`).
   */
  readonly moments: ReadonlyMap<string, ChannelMoments>;
}

/** Of a normal distribution 0.135 % lies below mean - 3 std: those values are what absorption may change. */
const deviations = 3;

/**
 * High-bias absorption (Nagel et al. 2019, arXiv:1906.04721, section 4.2.2): equalization can leave channels
 * with large biases and so large activations. What Relu passes unchanged anyway moves into the next layer:
 *
 *   relu(x) = relu(x - c) + c  where x > c;   b1' = b1 - c,  b2' = b2 + W2 c,  c = max(0, mean - 3 std)
 *
 * Where we differ: a second layer that pads its input with zeros is left alone, because there the border
 * would see c where it saw zero. Only Relu is crossed: a Clip's upper bound would have to move by c too.
 */
export async function absorbHighBias(model: Model, context: AbsorbContext): Promise<PassResult> {
  const { graph } = model;
  let changes = 0;
  let padded = 0;
  for (const { first, second, between } of await layerPairs(graph)) {
    const moments = context.moments.get(first.output);
    if (moments === undefined || between.length !== 1 || between[0]!.kind !== 'Relu') continue;
    const c = moments.mean.map((mean, i) => Math.max(0, mean - deviations * moments.std[i]!));
    if (c.every((v) => v === 0)) continue;
    if (second.padded) {
      padded++;
      continue;
    }
    const before = await loadLayerBias(graph, first);
    const after = Float64Array.from(await loadLayerBias(graph, second));
    const weight = await loadLayerWeight(graph, second);
    eachWeight(second.layout, (at, out, input) => {
      after[out]! += weight[at]! * c[input]!;
    });
    storeLayerBias(
      graph,
      first,
      before.map((b, i) => b - c[i]!),
    );
    storeLayerBias(graph, second, Float32Array.from(after));
    changes++;
  }
  const notes = padded > 0 ? [`${padded} high biases were left where the next layer pads its input`] : [];
  return { changes, notes };
}
