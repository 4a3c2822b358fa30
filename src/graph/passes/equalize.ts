import { lookUp, throwIfAborted } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import { weightOf } from '../weight.ts';
import { type LayerPair, layerPairs } from './layer-pair.ts';
import {
  eachWeight,
  type LinearLayer,
  loadLayerBias,
  loadLayerWeight,
  storeLayerBias,
  storeLayerWeight,
} from './linear-layer.ts';
import type { PassContext, PassResult } from './pass.ts';

/**
 * What to do with a Clip(0, m) such as ReLU6, which does not commute with a factor:
 *
 * - `exact`: Relu, then Min with m / s per channel. Equal for every input; one more node at run time.
 * - `measured`: the Clip stays. A channel that reaches its bound on calibration data keeps factor 1; the
 *   others are scaled so far that they stay below it. Equal as long as no channel exceeds the largest value
 *   it had while calibrating (by more than `headroom`). Needs `maxima`.
 * - `leave`: such pairs are not equalized.
 */
export type ClipChoice = 'exact' | 'measured' | 'leave';

/** How a Clip between two layers is treated. */
export interface EqualizeContext extends PassContext {
  /** Default: `measured` when `maxima` are given, else `exact`. */
  readonly clip?: ClipChoice;
  /** Largest value of each channel at a Clip's input, by the input's name. */
  readonly maxima?: ReadonlyMap<string, Float32Array>;
}

/** What was changed, and the scales it took. */
export interface EqualizeResult extends PassResult {
  /** s per channel by value name: that value is now 1 / s of what it was. */
  readonly scales: ReadonlyMap<string, Float32Array>;
}

/** Rounds over all pairs; networks settle in far fewer. */
const maxRounds = 40;
/** The largest relative change of any factor that ends the rounds. */
const tolerance = 1e-3;
/** How far beyond its largest calibrated value a channel may go before a kept Clip cuts it off. */
const headroom = 1.1;
/** Min broadcasts since this opset. */
const broadcastingMin = 8;

/**
 * Cross-layer equalization (Nagel et al. 2019, "Data-free quantization", arXiv:1906.04721, section 4.1): each
 * channel between two layers is scaled so that its weights take the same range in both. One scale per
 * tensor then fits all channels. The function of the network stays the same.
 *
 *   W1' = S^-1 W1,  b1' = S^-1 b1,  W2' = W2 S,  s_i = sqrt(r1_i / r2_i),  r = largest |w| of channel i
 *
 * Repeated over all pairs until the factors settle. Fold BatchNormalization before.
 */
export async function equalize(model: Model, context: EqualizeContext = {}): Promise<EqualizeResult> {
  const { graph } = model;
  const choice = context.clip ?? (context.maxima ? 'measured' : 'exact');
  lookUp('choice for Clip', { exact: true, measured: true, leave: true }, choice);
  const notes: string[] = [];
  const ends: End[] = [];
  let left = 0;
  for (const pair of await layerPairs(graph)) {
    const bounds = clipBounds(pair, choice, model.opset, context.maxima);
    if (bounds === undefined) left++;
    else ends.push({ pair, smallest: bounds, total: new Float64Array(pair.first.outChannels).fill(1) });
  }
  if (left > 0) notes.push(`${left} pairs of layers around a Clip were not equalized`);

  const weights = new Map<LinearLayer['node'], Float32Array>();
  for (const { pair } of ends) {
    for (const layer of [pair.first, pair.second]) {
      if (!weights.has(layer.node)) weights.set(layer.node, (await loadLayerWeight(graph, layer)).slice());
    }
  }
  for (let round = 0; round < maxRounds; round++) {
    throwIfAborted(context.signal);
    let change = 0;
    for (const end of ends) change = Math.max(change, balance(end, weights));
    if (change < tolerance) break;
  }

  const scales = new Map<string, Float32Array>();
  const written = new Map<LinearLayer['node'], LinearLayer>();
  for (const { pair, total } of ends) {
    if (total.every((s) => s === 1)) continue;
    const bias = await loadLayerBias(graph, pair.first);
    if (pair.first.bias !== undefined)
      storeLayerBias(
        graph,
        pair.first,
        bias.map((b, i) => b / total[i]!),
      );
    for (const layer of [pair.first, pair.second]) written.set(layer.node, layer);
    if (pair.clip !== undefined && choice === 'exact') clipPerChannel(graph, pair, total);
    const s = Float32Array.from(total);
    for (const value of [pair.first.node.outputs[0]!, pair.first.output]) scales.set(value, s);
    for (const node of pair.between) scales.set(node.outputs[0]!, s);
  }
  for (const layer of written.values()) storeLayerWeight(graph, layer, weights.get(layer.node)!);
  return { changes: written.size, notes, scales };
}

interface End {
  readonly pair: LayerPair;
  /** Least total factor of each channel. */
  readonly smallest: Float64Array;
  /** Product of the factors so far: s of each channel. */
  readonly total: Float64Array;
}

/** Least factor of each channel so that the Clip stays true; undefined when the pair must be left alone. */
function clipBounds(
  { first, clip }: LayerPair,
  choice: ClipChoice,
  opset: number,
  maxima: ReadonlyMap<string, Float32Array> | undefined,
): Float64Array | undefined {
  const smallest = new Float64Array(first.outChannels);
  if (clip === undefined || clip.upper === Number.POSITIVE_INFINITY) return smallest;
  if (choice === 'exact') return opset >= broadcastingMin && first.rank !== undefined ? smallest : undefined;
  const largest = maxima?.get(clip.node.inputs[0]!);
  if (choice === 'leave' || largest === undefined) return undefined;
  return smallest.map((_, i) => {
    const least = (largest[i]! * headroom) / clip.upper;
    return least >= 1 ? Number.NaN : Math.max(least, 0);
  });
}

/** One step over one pair. Gives the largest relative change of a factor. */
function balance({ pair, smallest, total }: End, weights: ReadonlyMap<unknown, Float32Array>): number {
  const { first, second } = pair;
  const w1 = weights.get(first.node)!;
  const w2 = weights.get(second.node)!;
  const r1 = new Float64Array(first.outChannels);
  const r2 = new Float64Array(first.outChannels);
  eachWeight(first.layout, (at, out) => {
    r1[out] = Math.max(r1[out]!, Math.abs(w1[at]!));
  });
  eachWeight(second.layout, (at, _, input) => {
    r2[input] = Math.max(r2[input]!, Math.abs(w2[at]!));
  });
  let change = 0;
  const s = r1.map((r, i) => {
    // A dead channel has no range to equalize; a pinned one (NaN) reaches its Clip.
    if (r === 0 || r2[i] === 0 || Number.isNaN(smallest[i])) return 1;
    const factor = Math.max(Math.sqrt(r / r2[i]!), smallest[i]! / total[i]!);
    change = Math.max(change, Math.abs(factor - 1));
    total[i]! *= factor;
    return factor;
  });
  eachWeight(first.layout, (at, out) => {
    w1[at]! /= s[out]!;
  });
  eachWeight(second.layout, (at, _, input) => {
    w2[at]! *= s[input]!;
  });
  return change;
}

/** Clip(x, 0, m) becomes Min(Relu(x), m / s). */
function clipPerChannel(graph: Graph, { first, clip }: LayerPair, s: Float64Array): void {
  if (clip === undefined || clip.upper === Number.POSITIVE_INFINITY) return;
  const { node, upper } = clip;
  const output = node.outputs[0]!;
  const rectified = graph.freshName(`${output}_relu`);
  const dims = [first.outChannels, ...Array<number>(first.rank! - 1 - first.channelAxis).fill(1)];
  const bounds = graph.addConstant(
    `${output}_bound`,
    weightOf({
      dtype: 'float32',
      dims: first.channelAxis < 0 ? [first.outChannels] : dims,
      data: Float32Array.from(s, (v) => upper / v),
    }),
  );
  const [input, name] = [node.inputs[0]!, node.name];
  graph.remove(node);
  graph.add({ op: 'Relu', name, inputs: [input], outputs: [rectified] });
  graph.add({ op: 'Min', name: name && `${name}_bound`, inputs: [rectified, bounds], outputs: [output] });
}
