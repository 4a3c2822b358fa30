import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { openFile } from '../src/files/index.ts';
import { encodeOnnx, loadWeight, type Model, readOnnx, type WeightQuantizer } from '../src/graph/index.ts';
import { decodeFloat16, quantizeTensor, toFloat32 } from '../src/numerics/index.ts';

/** Round to nearest, as the pipeline injects it. */
export const roundToNearest: WeightQuantizer = Object.assign(
  async ({ name, weight, scheme }: Parameters<WeightQuantizer>[0]) =>
    quantizeTensor(toFloat32(await loadWeight(weight)), weight.dims, scheme, { name }),
  { byRows: true },
);

/** Signal over noise of all values of one output, in dB; Infinity for equal ones. */
export function sqnrDb(wanted: ort.Tensor, got: ort.Tensor): number {
  const [a, b] = [reals(wanted), reals(got)];
  let [signal, noise] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    signal += a[i]! ** 2;
    noise += (a[i]! - b[i]!) ** 2;
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}

export function reals(t: ort.Tensor): Float32Array {
  if (t.type === 'float16') return decodeFloat16(t.data as unknown as Uint16Array);
  return Float32Array.from(t.data as ArrayLike<number>, Number);
}

/** The operators that ONNX Runtime makes of a model, counted, those of bodies too. */
export async function kernelsOf(model: Model): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-kernels-'));
  try {
    const path = join(folder, 'optimized.onnx');
    const { bytes } = await encodeOnnx(model);
    const session = await ort.InferenceSession.create(bytes, {
      graphOptimizationLevel: 'extended',
      optimizedModelFilePath: path,
      logSeverityLevel: 4,
    });
    await session.release();
    const opened = await openFile(path);
    const counts: Record<string, number> = {};
    const count = (graph: Model['graph']) => {
      for (const node of graph.nodes) {
        counts[node.op] = (counts[node.op] ?? 0) + 1;
        node.subgraphs().forEach(count);
      }
    };
    count((await readOnnx(opened)).graph);
    await opened.source.close?.();
    return counts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A loaded model; `close` it. */
export async function load(model: Model): Promise<ort.InferenceSession> {
  const { bytes } = await encodeOnnx(model);
  return ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
}
