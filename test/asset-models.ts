import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as ort from 'onnxruntime-node';
import { openFile } from '../src/files/index.ts';
import { encodeOnnx, type Model, readOnnx } from '../src/graph/index.ts';
import { type DType, elementCount, seededRandom } from '../src/tensor/index.ts';

/** Real models for tests of graph rewrites: their files, inputs that fit them, and ONNX Runtime to run them. */
export const assets = process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../shared/assets');

const found = existsSync(assets)
  ? readdirSync(assets, { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.onnx'))
      .sort()
  : [];

/** ONNX Runtime knows no QONNX operators. */
export const runnableModels = found.filter((f) => !f.startsWith('qonnx'));

export const assetModel = async (name: string): Promise<Model> =>
  readOnnx(await openFile(join(assets, name)));

/** Sizes for open dimensions, per model where it matters, and ranges for integer inputs. */
const inputsOf: Record<string, { dims?: Record<string, number[]>; below?: number; sr?: bigint }> = {
  'silero-vad/silero_vad.onnx': { dims: { input: [2, 512], state: [2, 2, 128] }, sr: 16000n },
  'silero-vad/silero_vad_16k_op15.onnx': { dims: { input: [2, 512], state: [2, 2, 128] }, sr: 16000n },
  'sst2-encoder/model.onnx': { dims: { input_ids: [2, 12], attention_mask: [2, 12] } },
  'sst2-bilstm/model.onnx': { dims: { input_ids: [2, 12], attention_mask: [2, 12] } },
  'nnsplit-en/model.onnx': { dims: { input: [2, 24] } },
  'tract-quant/qtdnn_10x5_101_i32_biases/model.onnx': { dims: { input: [9, 10] } },
  'magika/model.onnx': { below: 256 },
};

/** Random inputs with batch 2 where the batch is open. */
export function feedsFor(name: string, model: Model, seed = 1): Record<string, ort.Tensor> {
  const random = seededRandom(seed);
  const known = inputsOf[name];
  const feeds: Record<string, ort.Tensor> = {};
  for (const { name: input, type } of model.graph.inputs) {
    if (model.graph.initializers.has(input) || type?.kind !== 'tensor') continue;
    const shape = type.shape ?? [];
    const dims = known?.dims?.[input] ?? shape.map((d, i) => (typeof d === 'number' ? d : i === 0 ? 2 : 7));
    const count = elementCount(dims);
    const from = <T>(f: (i: number) => T) => Array.from({ length: count }, (_, i) => f(i));
    if (type.dtype === 'float32') {
      feeds[input] = new ort.Tensor('float32', Float32Array.from(from(() => 2 * random() - 1)), dims);
    } else if (type.dtype === 'int64') {
      const sequence = dims[1] ?? 1;
      const ids = (i: number) =>
        known?.sr ??
        (input === 'attention_mask'
          ? BigInt(i % sequence < sequence - 3)
          : BigInt(Math.floor(random() * 500)));
      feeds[input] = new ort.Tensor('int64', BigInt64Array.from(from(ids)), dims);
    } else if (type.dtype === 'uint8') {
      feeds[input] = new ort.Tensor('uint8', Uint8Array.from(from(() => random() * 128)), dims);
    } else {
      const below = known?.below ?? 100;
      feeds[input] = new ort.Tensor('int32', Int32Array.from(from(() => random() * below)), dims);
    }
  }
  return feeds;
}

/** Runs a model as users do, or with optimizations off. */
export async function runModel(
  model: Model,
  feeds: Record<string, ort.Tensor>,
  level: 'disabled' | 'all' = 'disabled',
): Promise<Record<string, ort.Tensor>> {
  const { bytes } = await encodeOnnx(model);
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: level,
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Largest difference relative to the largest magnitude of `wanted`; 0 for equal integers. */
export function difference(got: ort.Tensor, wanted: ort.Tensor): number {
  if (got.dims.join() !== wanted.dims.join() || got.type !== wanted.type) return Number.POSITIVE_INFINITY;
  let [error, scale] = [0, 0];
  const [a, b] = [got.data as ArrayLike<number | bigint>, wanted.data as ArrayLike<number | bigint>];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])];
    scale = Math.max(scale, Math.abs(y));
    if (!Object.is(x, y)) error = Math.max(error, Math.abs(x - y));
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.POSITIVE_INFINITY;
  }
  return error === 0 ? 0 : error / scale;
}

/** Largest difference over all outputs of both models on the same inputs. */
export async function outputDifference(name: string, before: Model, after: Model): Promise<number> {
  const feeds = feedsFor(name, before);
  const wanted = await runModel(before, feeds);
  const got = await runModel(after, feeds);
  return Math.max(...Object.keys(wanted).map((o) => difference(got[o]!, wanted[o]!)));
}

/** Our name of ONNX Runtime's element type. */
export const dtypeOf = (t: ort.Tensor): DType => t.type as DType;
