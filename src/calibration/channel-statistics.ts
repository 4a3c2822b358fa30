import type { Dataset } from '../data/index.ts';
import { encodeOnnx, type LinearLayer, type Model } from '../graph/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { checkFinite } from './histogram.ts';
import { fixedBatch, runBatches } from './run-batches.ts';
import { type ChannelAxis, makerOf, tapPacked } from './tap.ts';

/** What each channel of a value looks like over the data; every array is [channels]. */
export interface ChannelStatistics {
  readonly mean: Float32Array;
  readonly std: Float32Array;
  readonly min: Float32Array;
  readonly max: Float32Array;
}

/** Whose channels to measure, on which data, with which engine. */
export interface MeasureChannelsOptions {
  readonly model: Model;
  readonly values: readonly ChannelValue[];
  readonly dataset: Dataset;
  readonly runtime: Runtime;
  readonly samples?: number;
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** A value of the graph and where its channels lie. */
export interface ChannelValue extends ChannelAxis {
  readonly value: string;
}

const defaultBatchSize = 8;
const reductions = ['ReduceMean', 'ReduceMin', 'ReduceMax'] as const;

/** The output of a layer, before its activation. */
export function outputChannels(layer: LinearLayer): ChannelValue {
  return { value: layer.output, channels: layer.outChannels, axis: layer.channelAxis, rank: layer.rank };
}

/** The input of a layer. */
export function inputChannels(layer: LinearLayer): ChannelValue {
  return { value: layer.input, channels: layer.inChannels, axis: layer.channelAxis, rank: layer.rank };
}

/**
 * Mean, standard deviation and extremes of each channel, reduced inside the graph: what equalization,
 * bias absorption and bias correction ask for. Memory does not grow with the samples.
 * @throws calibration/no-samples, calibration/not-finite, calibration/unknown-value
 */
export async function measureChannels(
  options: MeasureChannelsOptions,
): Promise<ReadonlyMap<string, ChannelStatistics>> {
  const { model, dataset, runtime, samples, signal, onProgress } = options;
  const values = [...new Map(options.values.map((v) => [v.value, v])).values()];
  const sums = new Map(values.map((v) => [v.value, new ChannelSums(v.channels)]));
  if (values.length === 0) return new Map();
  const { model: tapped, outputs } = tapPacked(model, values, (tap, item) => [
    ...reductions.map((op) => tap.reduceChannels(op, item.value, item)),
    tap.reduceChannels('ReduceMean', tap.square(item.value), item),
  ]);
  const session = await runtime.load(await encodeOnnx(tapped), { name: 'the model with taps' });
  try {
    const batchSize = fixedBatch(session) ?? options.batchSize ?? defaultBatchSize;
    const progress = onProgress && ((done: number, total: number) => onProgress({ done, total }));
    await runBatches(
      { session, dataset, samples, batchSize, groups: [outputs], signal, onProgress: progress },
      (results, batch) => {
        const packed = results[outputs[0]!]!.data as Float32Array;
        let at = 0;
        for (const { value, channels } of values) {
          const end = at + 4 * channels;
          const numbers = packed.subarray(at, end);
          checkFinite(numbers, { value, node: makerOf(model.graph, value) });
          sums.get(value)!.add(numbers, batch.size);
          at = end;
        }
      },
    );
  } finally {
    await session.release();
  }
  return new Map([...sums].map(([value, s]) => [value, s.result()]));
}

class ChannelSums {
  #samples = 0;
  readonly #mean: Float64Array;
  readonly #square: Float64Array;
  readonly #min: Float32Array;
  readonly #max: Float32Array;

  constructor(channels: number) {
    this.#mean = new Float64Array(channels);
    this.#square = new Float64Array(channels);
    this.#min = new Float32Array(channels).fill(Number.POSITIVE_INFINITY);
    this.#max = new Float32Array(channels).fill(Number.NEGATIVE_INFINITY);
  }

  /** [mean, min, max, mean of squares] of a batch, each [channels]. */
  add(numbers: Float32Array, samples: number): void {
    const channels = this.#mean.length;
    for (let c = 0; c < channels; c++) {
      this.#mean[c]! += samples * numbers[c]!;
      this.#min[c] = Math.min(this.#min[c]!, numbers[channels + c]!);
      this.#max[c] = Math.max(this.#max[c]!, numbers[2 * channels + c]!);
      this.#square[c]! += samples * numbers[3 * channels + c]!;
    }
    this.#samples += samples;
  }

  result(): ChannelStatistics {
    const mean = this.#mean.map((sum) => sum / this.#samples);
    const std = this.#square.map((sum, c) => Math.sqrt(Math.max(sum / this.#samples - mean[c]! ** 2, 0)));
    return {
      mean: Float32Array.from(mean),
      std: Float32Array.from(std),
      min: this.#min,
      max: this.#max,
    };
  }
}
