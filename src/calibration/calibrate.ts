import type { Dataset } from '../data/index.ts';
import { encodeOnnx, type Model } from '../graph/index.ts';
import { createHistogramKernel } from '../kernels/histogram.wasm.ts';
import { toFloat32 } from '../numerics/index.ts';
import type { Runtime, Session } from '../runtime/index.ts';
import { fail, lookUp, type Tensor } from '../tensor/index.ts';
import { bufferDrain } from './free-buffers.ts';
import type { Observer, Range, RangeTarget } from './observer.ts';
import { type ObserverName, type ObserverRow, observers } from './observers.ts';
import { fixedBatch, runBatches } from './run-batches.ts';
import { checkValues, makerOf, tapPacked, tapValues } from './tap.ts';

/** What to watch, on which data, with which engine. */
export interface CalibrateOptions {
  readonly model: Model;
  /** Names of the values to observe; float values of the main graph. */
  readonly values: readonly string[];
  readonly dataset: Dataset;
  readonly runtime: Runtime;
  /** Default `min-max`. */
  readonly observer?: ObserverName;
  /** Samples used, from the first on. Default: all. */
  readonly samples?: number;
  /** Samples per run at most; fewer where the activations are large. Default 8. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

const defaultBatchSize = 8;
/**
 * Activations that come out of one run at most, where they can be split. Three runs' worth are alive, and
 * small ones are still in the processor's cache when they are counted.
 */
const runBytes = 8 * 2 ** 20;

/**
 * Runs the float model over a dataset and gives an observer per value, ready to be asked for ranges. Memory
 * does not grow with the number of samples: extremes are reduced inside the graph, other statistics stream
 * into fixed-size histograms while the engine runs the next batch.
 * @throws calibration/no-samples, calibration/not-finite, calibration/unknown-value, runtime/input-mismatch
 */
export async function calibrate(options: CalibrateOptions): Promise<ReadonlyMap<string, Observer>> {
  const { model, dataset } = options;
  const row: ObserverRow = lookUp('observer', observers, options.observer ?? 'min-max');
  const values = [...new Set(options.values)];
  checkValues(model.graph, values);
  if (dataset.size === 0 || options.samples === 0) fail('calibration/no-samples', { dataset: dataset.name });
  const kernel = row.needs === 'values' ? await createHistogramKernel() : undefined;
  const result = new Map<string, Observer>();
  for (const value of values) {
    result.set(value, row.create({ value, node: makerOf(model.graph, value), ...(kernel && { kernel }) }));
  }
  if (values.length > 0) await (row.needs === 'extremes' ? observeExtremes : observeValues)(options, result);
  return result;
}

/** The range of every observed value for its target. Values that were never seen throw calibration/empty. */
export function ranges(
  observed: ReadonlyMap<string, Observer>,
  target: RangeTarget | ((value: string) => RangeTarget),
): Map<string, Range> {
  const result = new Map<string, Range>();
  for (const [value, observer] of observed) {
    result.set(value, observer.range(typeof target === 'function' ? target(value) : target));
  }
  return result;
}

/** [min, max] of each value, reduced by ONNX Runtime; the sum beside them carries any NaN. */
async function observeExtremes(
  options: CalibrateOptions,
  observed: ReadonlyMap<string, Observer>,
): Promise<void> {
  const { model, outputs } = tapPacked(options.model, itemsOf(observed.keys()), (tap, { value }) => {
    const flat = tap.flat(value);
    return [tap.reduce('ReduceMin', flat), tap.reduce('ReduceMax', flat), tap.reduce('ReduceSum', flat)];
  });
  const session = await options.runtime.load(await encodeOnnx(model), { name: 'the model with taps' });
  try {
    const batchSize = fixedBatch(session) ?? options.batchSize ?? defaultBatchSize;
    await runBatches({ ...batchOptions(options, session), batchSize, groups: [outputs] }, (results) => {
      const extremes = results[outputs[0]!]!.data as Float32Array;
      let at = 0;
      for (const observer of observed.values()) {
        const [min, max, sum] = extremes.subarray(at, (at += 3));
        if (min! > max!) continue; // an empty tensor
        observer.update(Float32Array.of(Number.isNaN(sum) ? Number.NaN : min!, max!));
      }
    });
  } finally {
    await session.release();
  }
}

/** The activations themselves, in runs that are small enough. */
async function observeValues(
  options: CalibrateOptions,
  observed: ReadonlyMap<string, Observer>,
): Promise<void> {
  const { graph } = options.model;
  const fed = [...observed.keys()].filter((value) => graph.isInput(value));
  const made = [...observed.keys()].filter((value) => !graph.isInput(value));
  const sizes = made.length > 0 ? await valueSizes(options, made) : new Map<string, number>();
  const { model, outputs } = tapValues(
    options.model,
    made.length > 0 ? made : graph.outputs.map((o) => o.name),
  );
  const session = await options.runtime.load(await encodeOnnx(model), {
    name: 'the model with taps',
    threads: Math.max(options.runtime.threads - 1, 1), // one core counts what the others make
  });
  const drain = bufferDrain();
  try {
    const { batchSize, groups } = planRuns(sizes, fixedBatch(session), options.batchSize ?? defaultBatchSize);
    const runs = made.length > 0 ? groups : [outputs];
    let last: unknown;
    await runBatches({ ...batchOptions(options, session), batchSize, groups: runs }, (results, batch) => {
      for (const [value, tensor] of Object.entries(results)) observed.get(value)?.update(floats(tensor));
      drain.free(Object.values(results));
      if (batch === last) return;
      last = batch;
      for (const value of fed) observed.get(value)!.update(floats(batch.feeds[value]!));
    });
  } finally {
    drain.close();
    await session.release();
  }
}

const itemsOf = (values: Iterable<string>) => [...values].map((value) => ({ value }));

function floats(tensor: Tensor): Float32Array {
  return tensor.dtype === 'float32' ? (tensor.data as Float32Array) : toFloat32(tensor as Tensor<'float16'>);
}

/** Bytes of each value per sample, asked of ONNX Runtime on one small batch. */
async function valueSizes(
  options: CalibrateOptions,
  values: readonly string[],
): Promise<Map<string, number>> {
  const { model, outputs } = tapPacked(options.model, itemsOf(values), (tap, { value }) => [tap.size(value)]);
  const session = await options.runtime.load(await encodeOnnx(model), { name: 'the model with taps' });
  try {
    const batchSize = fixedBatch(session) ?? 1;
    const sizes = new Map<string, number>();
    const { onProgress: _, ...rest } = batchOptions(options, session);
    await runBatches({ ...rest, batchSize, samples: batchSize, groups: [outputs] }, (results, batch) => {
      const counts = results[outputs[0]!]!.data as Float32Array;
      values.forEach((value, i) => {
        sizes.set(value, (counts[i]! * 4) / batch.size);
      });
    });
    return sizes;
  } finally {
    await session.release();
  }
}

/** The largest batch whose activations fit one run; when one sample is too large, several runs per batch. */
export function planRuns(
  sizes: ReadonlyMap<string, number>,
  fixed: number | undefined,
  largest: number,
): { readonly batchSize: number; readonly groups: readonly (readonly string[])[] } {
  const perSample = [...sizes.values()].reduce((a, b) => a + b, 0);
  const batchSize = fixed ?? Math.min(Math.max(Math.floor(runBytes / perSample), 1), largest);
  const groups: string[][] = [];
  let room = 0;
  for (const [value, bytes] of sizes) {
    if (groups.length === 0 || bytes * batchSize > room) {
      groups.push([]);
      room = runBytes;
    }
    groups.at(-1)!.push(value);
    room -= bytes * batchSize;
  }
  return { batchSize, groups };
}

function batchOptions({ dataset, samples, signal, onProgress }: CalibrateOptions, session: Session) {
  return {
    session,
    dataset,
    ...(samples !== undefined && { samples }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (done: number, total: number) => onProgress({ done, total }) }),
  };
}
