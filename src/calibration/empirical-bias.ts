import type { Dataset } from '../data/index.ts';
import { encodeOnnx, type Graph, linearLayers, type Model, tensorInfo } from '../graph/index.ts';
import type { Feeds, Runtime } from '../runtime/index.ts';
import { fail, tensor, throwIfAborted } from '../tensor/index.ts';
import { type ChannelValue, outputChannels } from './channel-statistics.ts';
import { checkFinite } from './histogram.ts';
import { fixedBatch } from './run-batches.ts';
import { type TapBuilder, tapPacked } from './tap.ts';

/** The two forms of the model, and the data that both run over. */
export interface EmpiricalBiasOptions {
  /** The float model that `quantized` was made from. */
  readonly model: Model;
  /** Its QDQ form. Layers are matched by the name of their node. */
  readonly quantized: Model;
  readonly dataset: Dataset;
  readonly runtime: Runtime;
  /** Default 128. */
  readonly samples?: number;
  /** Default 32: means over a batch should be steady. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

const defaultSamples = 128;
const defaultBatchSize = 32;

/**
 * Empirical bias correction (Nagel et al. 2019, arXiv:1906.04721, appendix D): layer by layer, the mean
 * difference per channel between the quantized and the float network is taken off the bias, with all layers
 * before already corrected. It sees what the analytic form cannot: rounded activations, clipping, borders.
 *
 *   b'_k = b_k - (E[y~_k | b'_1 .. b'_{k-1}] - E[y_k])
 *
 * Where we differ: the quantized graph corrects itself while it runs. Behind each layer it takes the mean of
 * its own batch, and adds what is missing to the float network's mean of the same batch; the next layer sees
 * the corrected values. So one pass over the data does all layers in order; corrections are averaged over
 * batches. Pairs of QuantizeLinear and DequantizeLinear are computed as written, in float.
 *
 * Gives what to add to each bias (`shiftBias`), by the name of the layer's node.
 * @throws calibration/no-samples, calibration/not-finite
 */
export async function empiricalBiasShifts(
  options: EmpiricalBiasOptions,
): Promise<ReadonlyMap<string, Float32Array>> {
  const { model, dataset, runtime, signal, onProgress } = options;
  const layers = matchLayers(model.graph, options.quantized.graph);
  if (layers.length === 0) return new Map();
  const float = tapPacked(model, layers, (tap, l) => [tap.reduceChannels('ReduceMean', l.value, l)]);
  const recentred = tapPacked(
    options.quantized,
    layers.map((l) => ({ ...l, value: l.quantized })),
    recentre,
  );
  const sums = new Float64Array(layers.reduce((sum, l) => sum + l.channels, 0));
  let done = 0;

  const floatSession = await runtime.load(await encodeOnnx(float.model), { name: 'the model with taps' });
  try {
    const session = await runtime.load(await encodeOnnx(recentred.model), {
      name: 'the quantized model with taps',
      config: { 'session.disable_quant_qdq': '1' },
    });
    try {
      const fixed = fixedBatch(floatSession);
      const batchSize = fixed ?? options.batchSize ?? defaultBatchSize;
      const asked = Math.min(options.samples ?? defaultSamples, dataset.size);
      const total = fixed === undefined ? asked : asked - (asked % fixed);
      for await (const batch of dataset.batches({ batchSize, end: total, ...(signal && { signal }) })) {
        throwIfAborted(signal);
        const means = (await floatSession.run(batch.feeds))[float.outputs[0]!]!.data as Float32Array;
        const got = await session.run({ ...batch.feeds, ...targetFeeds(layers, means) });
        const shifts = got[recentred.outputs[0]!]!.data as Float32Array;
        for (let i = 0; i < sums.length; i++) sums[i]! += shifts[i]! * batch.size;
        done += batch.size;
        onProgress?.({ done, total });
      }
    } finally {
      await session.release();
    }
  } finally {
    await floatSession.release();
  }
  if (done === 0) fail('calibration/no-samples', { dataset: dataset.name });
  return splitShifts(
    layers,
    sums.map((sum) => sum / done),
  );
}

interface MatchedLayer extends ChannelValue {
  /** Name of the layer's node. */
  readonly name: string;
  /** Its output in the quantized graph, before that becomes codes. */
  readonly quantized: string;
  /** Name of the graph input that carries the float means. */
  readonly target: string;
  /** Shape under which a vector of channels is added to the output. */
  readonly dims: readonly number[];
}

/** Layers of the float graph whose node the quantized graph has too. */
function matchLayers(float: Graph, quantized: Graph): MatchedLayer[] {
  const nodes = new Map([...quantized.nodes].map((node) => [node.name, node]));
  return linearLayers(float).flatMap((layer) => {
    const node = nodes.get(layer.biasNode.name);
    if (layer.biasNode.name === '' || node?.op !== layer.biasNode.op) return [];
    const after = layer.rank === undefined || layer.channelAxis < 0 ? 0 : layer.rank - 1 - layer.channelAxis;
    return {
      ...outputChannels(layer),
      name: layer.node.name,
      quantized: node.outputs[0]!,
      target: quantized.freshName(`${layer.output}_target_mean`),
      dims: [layer.outChannels, ...Array<number>(after).fill(1)],
    };
  });
}

/** Makes a layer's output have the target means, and gives what that took. */
function recentre(tap: TapBuilder, { value, ...layer }: MatchedLayer): string[] {
  const { graph } = tap;
  const own = graph.freshName(`${value}_uncorrected`);
  graph.setOutput(graph.producer(value)!, 0, own);
  const mean = tap.reshape(tap.reduceChannels('ReduceMean', own, layer), layer.dims);
  const shift = tap.subtract(layer.target, mean);
  graph.add({ op: 'Add', inputs: [own, shift], outputs: [value] });
  graph.inputs = [...graph.inputs, tensorInfo(layer.target, 'float32', layer.dims)];
  return [tap.flat(shift)];
}

function targetFeeds(layers: readonly MatchedLayer[], means: Float32Array): Feeds {
  let at = 0;
  return Object.fromEntries(
    layers.map(({ target, channels, dims }) => [
      target,
      tensor('float32', dims, means.subarray(at, (at += channels))),
    ]),
  );
}

/** @throws calibration/not-finite */
function splitShifts(layers: readonly MatchedLayer[], shifts: Float64Array): Map<string, Float32Array> {
  let at = 0;
  return new Map(
    layers.map(({ name, value, channels }) => {
      const own = Float32Array.from(shifts.subarray(at, (at += channels)));
      checkFinite(own, { value, node: `the quantized layer '${name}'` });
      return [name, own];
    }),
  );
}
