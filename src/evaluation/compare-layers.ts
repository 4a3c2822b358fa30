import type { Dataset } from '../data/index.ts';
import { encodeOnnx, inferShapes, type Model } from '../graph/index.ts';
import { toFloat32 } from '../numerics/index.ts';
import type { LoadOptions, PortInfo, Runtime, Session } from '../runtime/index.ts';
import { type DType, fail, throwIfAborted } from '../tensor/index.ts';
import { Closeness } from './output-comparison.ts';

/** How close one intermediate value is to the float model's. */
export interface LayerCloseness {
  /** The float model's node that makes the value, by name; its label where it has none. */
  readonly node: string;
  readonly op: string;
  readonly value: string;
  readonly sqnrDb: number;
}

/** Two forms of a model, and the data on which their layers are compared. */
export interface CompareLayersRequest {
  readonly floatModel: Model;
  readonly quantizedModel: Model;
  readonly runtime: Runtime;
  readonly dataset: Dataset;
  /** Default 64: decibels of a layer settle fast. */
  readonly samples?: number;
  /** Default 8: every value asked for is in memory at once. */
  readonly batchSize?: number;
  /** Float value -> the quantized model's float value that stands for it, where the name changed. */
  readonly mapping?: ReadonlyMap<string, string>;
  /** What the quantized model needs to load. */
  readonly load?: LoadOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Values fetched by one run: bounds memory; the graph runs once per group. */
const valuesPerRun = 16;

/**
 * SQNR of every float value that both models compute, worst first. Each figure holds the error of its own
 * layer and of all before it. A tapped value leaves its integer kernel, so what is measured is the
 * arithmetic of the written graph, not of its fusions.
 * @throws what loading and running throw, and run/aborted.
 */
export async function compareLayers(request: CompareLayersRequest): Promise<LayerCloseness[]> {
  const { floatModel, runtime, dataset, samples = 64, batchSize = 8, signal, onProgress } = request;
  const pairs = await pairValues(request);
  const reference = await loadTapped(runtime, floatModel, pairs.keys(), 'the float model');
  try {
    const candidate = await loadTapped(
      runtime,
      request.quantizedModel,
      pairs.values(),
      'the quantized model',
      request.load,
    );
    try {
      const fetched = [...pairs].filter(
        ([a, b]) => isFloat(reference.outputs, a) && isFloat(candidate.outputs, b),
      );
      const closeness = new Map<string, Closeness>();
      const end = Math.min(samples, dataset.size);
      let done = 0;
      for await (const batch of dataset.batches({ batchSize, start: 0, end, signal })) {
        for (let i = 0; i < fetched.length; i += valuesPerRun) {
          throwIfAborted(signal);
          const group = fetched.slice(i, i + valuesPerRun);
          const [a, b] = await Promise.all([
            reference.run(
              batch.feeds,
              group.map(([name]) => name),
            ),
            candidate.run(
              batch.feeds,
              group.map(([, name]) => name),
            ),
          ]);
          for (const [name, other] of group) {
            const [x, y] = [a[name]!, b[other]!];
            // Shapes that depend on the data may differ; there is no pairing then.
            if (x.dims.join() !== y.dims.join()) continue;
            if (!closeness.has(name)) closeness.set(name, new Closeness());
            closeness.get(name)!.update(toFloat32(x), toFloat32(y));
          }
        }
        done += batch.size;
        onProgress?.({ done, total: end });
      }
      if (done === 0) fail('evaluation/empty', { data: dataset.name });
      return rank(floatModel, closeness);
    } finally {
      await candidate.release();
    }
  } finally {
    await reference.release();
  }
}

/** The values to compare: float, made by a node of the float model, and present in the other. */
async function pairValues({
  floatModel,
  quantizedModel,
  mapping,
}: CompareLayersRequest): Promise<Map<string, string>> {
  const types = await inferShapes(floatModel);
  const pairs = new Map<string, string>();
  for (const node of floatModel.graph.nodes) {
    for (const value of node.outputs) {
      const type = types.get(value);
      const dtype = type?.kind === 'tensor' ? type.dtype : undefined;
      const other = mapping?.get(value) ?? value;
      // A value of unknown type is tried: ONNX Runtime knows it when the model is loaded.
      const tapped = type === undefined || (dtype !== undefined && tappable.has(dtype));
      if (tapped && quantizedModel.graph.producer(other) !== undefined) pairs.set(value, other);
    }
  }
  return pairs;
}

/** Float types that can leave ONNX Runtime as an output. */
const tappable: ReadonlySet<DType> = new Set<DType>(['float32', 'float16', 'float64']);

/** Loads the model with more outputs. */
async function loadTapped(
  runtime: Runtime,
  model: Model,
  values: Iterable<string>,
  name: string,
  load?: LoadOptions,
): Promise<Session> {
  const tapped = model.clone();
  const { outputs, valueInfo } = model.graph;
  const own = new Set(outputs.map((output) => output.name));
  const extra = [...values].filter((value) => !own.has(value));
  tapped.graph.outputs = [
    ...outputs,
    ...extra.map((value) => valueInfo.get(value) ?? { name: value, type: undefined }),
  ];
  return runtime.load(await encodeOnnx(tapped), { ...load, name });
}

function isFloat(outputs: readonly PortInfo[], name: string): boolean {
  const port = outputs.find((output) => output.name === name);
  return port !== undefined && tappable.has(port.dtype);
}

function rank(model: Model, closeness: ReadonlyMap<string, Closeness>): LayerCloseness[] {
  return [...closeness]
    .map(([value, { sqnrDb }]) => {
      const node = model.graph.producer(value)!;
      return { node: node.name || node.label, op: node.kind, value, sqnrDb };
    })
    .sort((a, b) => a.sqnrDb - b.sqnrDb);
}
