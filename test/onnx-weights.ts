import * as ort from 'onnxruntime-node';
import {
  encodeOnnx,
  Graph,
  loadWeight,
  lowerScheme,
  Model,
  type SchemeQuantizer,
  weightOf,
} from '../src/graph/index.ts';
import {
  type CompositeTensor,
  dequantizeComposite,
  parseScheme,
  quantizeComposite,
  toFloat32,
} from '../src/numerics/index.ts';
import { seededRandom } from '../src/tensor/index.ts';
import { randomTensor } from './one-node.ts';

/** Weights as models have them: bell-shaped, with a few large ones. */
export function weights(seed: number, ...dims: number[]) {
  const random = seededRandom(seed);
  const t = randomTensor(seed, ...dims);
  for (let i = 0; i < t.data.length; i++) t.data[i]! *= random() < 0.01 ? 4 : random() * random();
  return t;
}

/** One operator, the weight it reads, and the scheme of that. */
export interface Case {
  readonly text: string;
  readonly op: 'MatMul' | 'Gemm' | 'Conv' | 'ConvTranspose' | 'Gather' | 'LSTM';
  readonly dims: readonly number[];
  readonly attributes?: Readonly<Record<string, number>>;
}

export interface RoundTrip {
  readonly label: string;
  readonly wanted: Float32Array;
  readonly got: Float32Array;
  readonly stored: CompositeTensor;
  /** Bytes that the record counts. */
  readonly bytes: number;
}

/**
 * Lowers each case in one model and has the engine compute the weights that its operators would read: what it makes
 * of the stored parts by ai.onnx alone, and what our decode makes of them.
 */
export async function roundTrips(
  cases: readonly Case[],
  engine: typeof ort.InferenceSession = ort.InferenceSession,
): Promise<RoundTrip[]> {
  const model = new Model(new Graph('weights'));
  model.opsets.set('', 13);
  const { graph } = model;
  const labels = cases.map(({ op, text, dims }, i) => `${i}: ${op} [${dims.join(', ')}] ${text}`);
  for (const [i, { op, dims, attributes = {} }] of cases.entries()) {
    graph.initializers.set(`w${i}`, weightOf(weights(i + 1, ...dims)));
    const inputs = op === 'Gather' ? [`w${i}`, 'x'] : ['x', `w${i}`];
    graph.add({ op, name: labels[i]!, inputs, outputs: [`y${i}`], attributes });
    graph.outputs.push({ name: `y${i}`, type: undefined });
  }
  graph.inputs.push({ name: 'x', type: undefined });
  const stored = new Map<string, CompositeTensor>();
  const quantizer: SchemeQuantizer = async ({ weight, scheme, range, name }) => {
    const values = toFloat32(await loadWeight(weight));
    const q = await quantizeComposite(values, weight.dims, scheme, { name, ...(range && { range }) });
    stored.set(name, q);
    return q;
  };
  const bytes = new Map<string, number>();
  for (const [i, { text }] of cases.entries()) {
    const filter = (node: { name: string }) => node.name === labels[i] || 'another case';
    const { quantized } = await lowerScheme(model, {
      ...{ quantizer, filter, request: parseScheme(text), larger: 'stored' },
      carrier: 'standard',
    });
    for (const r of quantized)
      bytes.set(
        r.name,
        r.codeBytes + r.scaleBytes + r.zeroPointBytes + (r.bookBytes ?? 0) + (r.extraBytes ?? 0),
      );
  }
  const read = cases.map(({ op }, i) => {
    const node = [...graph.nodes].find(({ name }) => name === labels[i])!;
    const value = node.inputs[op === 'Gather' ? 0 : 1]!;
    graph.remove(node);
    return value;
  });
  graph.inputs.splice(0);
  graph.outputs.splice(0, cases.length, ...read.map((name) => ({ name, type: undefined })));
  const encoded = await encodeOnnx(model);
  const session = await engine.create(encoded.bytes, { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const results = await session.run({});
  await session.release();
  return cases.map((_, i) => ({
    label: labels[i]!,
    wanted: dequantizeComposite(stored.get(`w${i}`)!),
    got: results[read[i]!]!.data as Float32Array,
    stored: stored.get(`w${i}`)!,
    bytes: bytes.get(`w${i}`)!,
  }));
}

/** How many values differ in any bit; zeros of either sign are told apart. */
export function differentBits({ got, wanted }: RoundTrip): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  const words = (x: Float32Array) => new Uint32Array(x.buffer, x.byteOffset, x.length);
  const [a, b] = [words(got), words(wanted)];
  return b.reduce((sum, word, i) => sum + Number(word !== a[i]), 0);
}
