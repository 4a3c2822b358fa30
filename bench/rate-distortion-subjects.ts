import { join } from 'node:path';
import { convert, evaluate, open } from 'lowbit';
import { memoryTensor, openFolder, rowCountOf, rowLengthOf } from 'lowbit/files';
import { loadWeight, weightOf, weightViews, writeOnnx } from 'lowbit/graph';
import { isQuantizable, toFloat32 } from 'lowbit/numerics';
import { bytesOf, elementCount, float32 } from 'lowbit/tensor';
import { openPath } from './compare-gguf.ts';
import { type BenchModel, dataOf } from './models.ts';
import { perplexityFigures } from './perplexity-of.ts';
import { writeModel } from './synthetic-llama.ts';

/** Chunks of text that perplexity is measured on; LOWBIT_CHUNKS takes more for surer figures. */
const CHUNKS = Number(process.env.LOWBIT_CHUNKS ?? 4);

/** A weight of a model, seen as [rows, columns] with groups along the columns. */
export interface Matrix {
  readonly name: string;
  readonly values: Float32Array;
  readonly dims: readonly number[];
  /** Axes of the dims. */
  readonly axes: { readonly channel: number; readonly group: number };
}

/** A model whose weights can be replaced and whose task can be measured. */
export interface Subject {
  readonly name: string;
  readonly metric: string;
  readonly higherIsBetter: boolean;
  /** Of how much data the metric is. */
  readonly measuredOn: string;
  /** Samples of an accuracy. */
  readonly samples?: number;
  readonly matrices: readonly Matrix[];
  measure(weights: ReadonlyMap<string, Float32Array>): Promise<number>;
  close(): Promise<void>;
}

/** Least values of a weight that is replaced. */
const LEAST = 1024;

/**
 * An ONNX network: weights of its products, convolutions and tables. Its task is measured on the first samples of the
 * data; LOWBIT_SAMPLES takes more for surer figures.
 */
export async function network(model: BenchModel, folder: string, usual: number): Promise<Subject> {
  const { model: graphs, close } = await open(model.file);
  const { graph } = graphs;
  const matrices: Matrix[] = [];
  for (const { name, weight, dims, axes, isMatrix } of weightViews(graph)) {
    if (!isMatrix || elementCount(dims) < LEAST) continue;
    matrices.push({ name, values: toFloat32(await loadWeight(weight)).slice(), dims, axes });
  }
  const data = (await dataOf(model)).evaluate!;
  const samples = Number(process.env.LOWBIT_SAMPLES ?? usual);
  const file = 'candidate.onnx';
  return {
    name: model.name,
    metric: 'accuracy',
    higherIsBetter: true,
    measuredOn: `${samples} samples`,
    samples,
    matrices,
    close,
    async measure(weights) {
      for (const { name, values } of matrices) {
        const { dims } = graph.initializers.get(name)!;
        graph.initializers.set(name, weightOf(float32(dims, weights.get(name) ?? values)));
      }
      await writeOnnx(graphs, { folder: await openFolder(folder, { force: true }), name: file });
      const { baseline } = await evaluate({
        model: join(folder, file),
        data,
        threads: 1,
        measure: { runs: 0, memory: false, samples },
      });
      return baseline!.metrics[0]!.value;
    },
  };
}

/** A language model: every weight that llama.cpp would quantize, run in float32 by llama.cpp. */
export async function languageModel(place: string, folder: string): Promise<Subject> {
  const float = join(folder, 'float.gguf');
  await convert({ model: place, to: 'gguf:f32', output: float });
  const model = await openPath(float);
  const matrices: Matrix[] = [];
  for (const tensor of model.tensors) {
    if (!isQuantizable(tensor.name, tensor.shape)) continue;
    const bytes = (await tensor.read(0, rowCountOf(tensor.shape))).slice();
    matrices.push({
      name: tensor.name,
      values: new Float32Array(bytes.buffer),
      dims: [rowCountOf(tensor.shape), rowLengthOf(tensor.shape)],
      axes: { channel: 0, group: 1 },
    });
  }
  const candidate = join(folder, 'candidate.gguf');
  return {
    name: 'lm-35m',
    metric: 'perplexity',
    higherIsBetter: false,
    measuredOn: `${CHUNKS} chunks of 512 tokens`,
    matrices,
    close: () => model.close(),
    async measure(weights) {
      const tensors = model.tensors.map((tensor) => {
        const values = weights.get(tensor.name);
        return values === undefined
          ? tensor
          : memoryTensor(tensor.name, tensor.shape, 'float32', bytesOf(float32(tensor.shape, values)));
      });
      await writeModel(candidate, { ...model, tensors });
      return (await perplexityFigures(candidate, { samples: CHUNKS })).value;
    },
  };
}
