import type { Dataset } from '../data/index.ts';
import {
  encodeOnnx,
  type Graph,
  type LinearLayer,
  linearLayers,
  type Model,
  type Node,
  tensorInfo,
} from '../graph/index.ts';
import type { Feeds, Runtime } from '../runtime/index.ts';
import { fail, tensor } from '../tensor/index.ts';
import { type ChannelValue, measureChannels, outputChannels } from './channel-statistics.ts';
import { fixedBatch, runBatches } from './run-batches.ts';
import { tapPacked } from './tap.ts';

export interface EmpiricalBiasOptions {
  /** The float model that `quantized` was made from. */
  readonly model: Model;
  /** Its QDQ form. Layers are matched by the name of their node. */
  readonly quantized: Model;
  readonly dataset: Dataset;
  readonly runtime: Runtime;
  /** The quantized network runs several times over these. Default 128. */
  readonly samples?: number;
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

const defaultSamples = 128;
const defaultBatchSize = 16;
/** Remaining difference, relative to the channels' standard deviation, that counts as none. */
const tolerance = 1e-3;

/**
 * Empirical bias correction (Nagel et al. 2019, arXiv:1906.04721, appendix D): the mean difference per channel
 * between the quantized and the float network is taken off each bias, with all layers before already
 * corrected. It sees what the analytic form cannot: rounded activations, clipping, borders.
 *
 *   b'_k = b_k - (E[y~_k | b'_1 .. b'_{k-1}] - E[y_k])
 *
 * Where we differ: every pass over the data corrects all layers at once. Layer k depends only on those before
 * it, so after k passes it has exactly the value of the paper's one-by-one order, and usually long before.
 * One session serves all passes: a correction is a graph input, added behind its layer. Pairs of
 * QuantizeLinear and DequantizeLinear are computed as written, in float.
 *
 * Gives what to add to each bias (`shiftBias`), by the name of the layer's node.
 */
export async function empiricalBiasShifts(
  options: EmpiricalBiasOptions,
): Promise<ReadonlyMap<string, Float32Array>> {
  const { model, dataset, runtime, signal, onProgress } = options;
  const samples = Math.min(options.samples ?? defaultSamples, dataset.size);
  const common = { dataset, samples, ...(signal && { signal }) };
  const shifted = options.quantized.clone();
  const pairs = matchLayers(model.graph, shifted.graph);
  if (pairs.length === 0) return new Map();
  const wanted = await measureChannels({
    ...common,
    model,
    runtime,
    values: pairs.map(({ layer }) => outputChannels(layer)),
  });

  const layers = pairs.map(({ layer, node }) => addShift(shifted.graph, layer, node));
  const { model: tapped, outputs } = tapPacked(shifted, layers, (tap, l) => [
    tap.reduceChannels('ReduceMean', l.value, l),
  ]);
  const session = await runtime.load(await encodeOnnx(tapped), {
    name: 'the quantized model with taps',
    config: { 'session.disable_quant_qdq': '1' },
  });
  try {
    for (let pass = 1; pass <= layers.length; pass++) {
      const constants: Feeds = Object.fromEntries(
        layers.map((l) => [l.input, tensor('float32', l.shiftDims, l.shift)]),
      );
      const batchSize = fixedBatch(session, constants) ?? options.batchSize ?? defaultBatchSize;
      const means = new Float64Array(layers.reduce((sum, l) => sum + l.channels, 0));
      let seen = 0;
      await runBatches({ ...common, session, batchSize, groups: [outputs], constants }, (results, batch) => {
        const packed = results[outputs[0]!]!.data as Float32Array;
        for (let i = 0; i < means.length; i++) means[i]! += packed[i]! * batch.size;
        seen += batch.size;
      });
      const left = correct(
        layers,
        wanted,
        means.map((m) => m / seen),
      );
      onProgress?.({ done: pass, total: layers.length });
      if (left < tolerance) break;
    }
  } finally {
    await session.release();
  }
  return new Map(layers.map(({ name, shift }) => [name, shift]));
}

interface ShiftedLayer extends ChannelValue {
  /** Name of the layer's node. */
  readonly name: string;
  /** The float value that `value` stands for. */
  readonly float: string;
  /** Graph input that carries the correction. */
  readonly input: string;
  readonly shiftDims: readonly number[];
  readonly shift: Float32Array;
}

/** Layers of both graphs whose nodes have the same name. */
function matchLayers(float: Graph, quantized: Graph): { layer: LinearLayer; node: Node }[] {
  const byName = new Map([...quantized.nodes].map((node) => [node.name, node]));
  return linearLayers(float).flatMap((layer) => {
    const node = byName.get(layer.biasNode.name);
    return layer.biasNode.name !== '' && node?.op === layer.biasNode.op ? [{ layer, node }] : [];
  });
}

/** Adds a graph input behind a layer of the quantized graph. */
function addShift(graph: Graph, layer: LinearLayer, node: Node): ShiftedLayer {
  const value = node.outputs[0]!;
  const own = graph.freshName(`${value}_unshifted`);
  const input = graph.freshName(`${value}_shift`);
  const after = layer.rank === undefined || layer.channelAxis < 0 ? 0 : layer.rank - 1 - layer.channelAxis;
  const shiftDims = [layer.outChannels, ...Array<number>(after).fill(1)];
  graph.setOutput(node, 0, own);
  graph.add({ op: 'Add', inputs: [own, input], outputs: [value] });
  graph.inputs = [...graph.inputs, tensorInfo(input, 'float32', shiftDims)];
  return {
    ...outputChannels(layer),
    value,
    float: layer.output,
    name: layer.node.name,
    input,
    shiftDims,
    shift: new Float32Array(layer.outChannels),
  };
}

/** One pass of corrections. Gives the largest root mean square of what was left, in standard deviations. */
function correct(
  layers: readonly ShiftedLayer[],
  wanted: Awaited<ReturnType<typeof measureChannels>>,
  means: Float64Array,
): number {
  let worst = 0;
  let at = 0;
  for (const { name, float, shift } of layers) {
    const { mean, std } = wanted.get(float)!;
    let sum = 0;
    for (let c = 0; c < shift.length; c++, at++) {
      const difference = mean[c]! - means[at]!;
      if (!Number.isFinite(difference)) {
        fail('calibration/not-finite', {
          value: float,
          node: `quantized '${name}'`,
          got: String(difference),
        });
      }
      shift[c]! += difference;
      if (std[c]! > 0) sum += (difference / std[c]!) ** 2;
    }
    worst = Math.max(worst, Math.sqrt(sum / shift.length));
  }
  return worst;
}
