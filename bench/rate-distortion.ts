import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert, evaluate, open } from 'lowbit';
import { memoryTensor, openFolder, rowCountOf, rowLengthOf } from 'lowbit/files';
import { loadWeight, weightOf, weightViews, writeOnnx } from 'lowbit/graph';
import {
  formats,
  isQuantizable,
  type NumberFormat,
  parseScheme,
  roundTrip,
  schemeText,
  toFloat32,
} from 'lowbit/numerics';
import { bytesOf, elementCount, float32 } from 'lowbit/tensor';
import { projectFile } from '../examples/glyphs/project-file.ts';
import { openPath } from './compare-gguf.ts';
import { lm35m } from './gguf-files.ts';
import { type BenchModel, dataOf, mobilenetv2, present, sst2Encoder } from './models.ts';
import { chunks, perplexityFigures } from './perplexity-of.ts';
import { type Point, rateDistortionSvg } from './rate-distortion-picture.ts';
import { writeModel } from './synthetic-llama.ts';
import { publish } from './table.ts';

/** What is measured beside each format at its usual granularity. */
const beside = [
  'int8/tensor',
  'int4/channel',
  'int4/32:asymmetric',
  'int4/128:asymmetric,range=hqq',
  'int3/64:asymmetric',
  'int2/32:asymmetric',
  'nf4/64+double',
  'int4/64+outliers=0.5%',
  'int3/64+outliers=1%',
  'int4/64+lowrank=8',
  'e4m3fn/128x128',
  'kmeans4/channel',
  'kmeans5/channel+rans',
  'kmeans4/channel+rans',
  'kmeans3/channel+rans',
  'kmeans4/tensor',
  'kmeans4/tensor+rans',
  'kmeans5/tensor+rans',
  'int8/channel+rans',
  'int6/channel+rans',
  'int5/channel+rans',
  'int4/channel+rans',
  ...['q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0', 'iq4_xs', 'q3_k', 'q2_k', 'iq3_s', 'iq3_xxs', 'tq2_0'].map(
    (type) => `gguf:${type}`,
  ),
];

/** Unsigned integers are the signed ones in other clothes, and 9 bits and more lose nothing that a task shows. */
const own = Object.values<NumberFormat>(formats)
  .filter(({ name, bits, unit }) => !name.startsWith('uint') && bits / unit <= 8)
  .map(({ name }) => name);

/** Samples that the task is measured on; LOWBIT_SAMPLES takes more for surer figures. */
const SAMPLES = Number(process.env.LOWBIT_SAMPLES ?? 1000);
/** Books in stages search 2^16 sums for each code: minutes for a model of more values than this, and left out there. */
const MANY = 20e6;

/** SQNR without error: more than float32 can tell. */
const EXACT = 200;

/** A weight of a model, seen as [rows, columns] with groups along the columns. */
interface Matrix {
  readonly name: string;
  readonly values: Float32Array;
  readonly dims: readonly number[];
  /** Axes of the dims. */
  readonly axes: { readonly channel: number; readonly group: number };
}

/** A model whose weights can be replaced and whose task can be measured. */
interface Subject {
  readonly name: string;
  readonly metric: string;
  readonly higherIsBetter: boolean;
  /** Of how much data the metric is. */
  readonly measuredOn: string;
  readonly matrices: readonly Matrix[];
  measure(weights: ReadonlyMap<string, Float32Array>): Promise<number>;
  close(): Promise<void>;
}

/**
 * Every format on the weights of three trained models: true bits per weight against SQNR and against the task.
 * Models and schemes may be named on the command line.
 */
export default async function run(): Promise<void> {
  const words = process.argv.slice(3);
  const known = [mobilenetv2, sst2Encoder, lm35m];
  const models = known.filter(({ name }) => words.includes(name));
  const wanted = models.length > 0 ? models : known;
  const named = words.filter((word) => known.every(({ name }) => name !== word));
  const schemes = named.length > 0 ? named : [...own, ...beside];
  mkdirSync(projectFile('out/bench'), { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-rate-distortion-'));
  try {
    const [language] = present(wanted.filter((model) => model === lm35m));
    const subjects: (() => Promise<Subject>)[] = [
      ...present(wanted.filter((model) => model !== lm35m)).map((model) => () => network(model, folder)),
      ...(language ? [() => languageModel(language.file, folder)] : []),
    ];
    for (const open of subjects) {
      const subject = await open();
      await points(subject, schemes);
      await subject.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function points(subject: Subject, schemes: readonly string[]): Promise<void> {
  const { name, metric, matrices, higherIsBetter } = subject;
  const values = matrices.reduce((sum, m) => sum + m.values.length, 0);
  const kept = projectFile(`out/bench/rate-distortion-${name}.json`);
  const before = pointsIn(kept, subject.measuredOn);
  const float = before?.float ?? (await subject.measure(new Map()));
  const found: Point[] = [];
  const keep = (points: readonly Point[]) =>
    writeFileSync(kept, JSON.stringify({ measuredOn: subject.measuredOn, float, points }));
  for (const scheme of schemes) {
    if (values > MANY && scheme.startsWith('rvq')) continue;
    const full = scheme.startsWith('gguf:') ? scheme : schemeText(parseScheme(scheme));
    const point = before?.points.find((p) => p.scheme === full) ?? (await pointOf(subject, scheme));
    if (point === undefined || found.some((p) => p.scheme === point.scheme)) continue;
    found.push(point);
    keep([...(before?.points ?? []).filter((p) => found.every((q) => q.scheme !== p.scheme)), ...found]);
    console.log(`${name}  ${cells(point).join('  ')}`);
  }
  found.sort((a, b) => b.bits - a.bits);
  const bySqnr = front(found, (p) => p.sqnrDb);
  const byTask = front(found, (p) => (higherIsBetter ? p.metric : -p.metric));
  console.log(
    `${name}: ${matrices.length} weights, ${values} values; float ${metric} ${figure(float)} on ${subject.measuredOn}`,
  );
  publish(
    `rate-distortion-${name}`,
    found.map((point) => {
      const [scheme, bits, sqnr, measured] = cells(point);
      return {
        scheme: scheme!,
        'bits per weight': bits!,
        'SQNR, dB': sqnr!,
        [metric]: measured!,
        'on the front of': [bySqnr.has(point) && 'SQNR', byTask.has(point) && metric]
          .filter(Boolean)
          .join(', '),
      };
    }),
  );
  const picture = { name, metric, float, higherIsBetter, points: found, fronts: [bySqnr, byTask] as const };
  writeFileSync(projectFile(`out/bench/rate-distortion-${name}.svg`), rateDistortionSvg(picture));
}

/** Points of an earlier run that was measured on the same data: a run that was cut off goes on. */
function pointsIn(file: string, measuredOn: string): { float: number; points: Point[] } | undefined {
  if (!existsSync(file)) return undefined;
  const earlier = JSON.parse(readFileSync(file, 'utf8'));
  return earlier.measuredOn === measuredOn ? earlier : undefined;
}

const figure = (value: number): string => (value >= 1 ? value.toFixed(3) : `${(100 * value).toFixed(2)} %`);
const cells = ({ scheme, bits, sqnrDb, metric }: Point): string[] => [
  scheme,
  bits.toFixed(3),
  sqnrDb < EXACT ? sqnrDb.toFixed(2) : 'exact',
  figure(metric),
];

/** The points that no other beats at as few bits. */
function front(found: readonly Point[], quality: (p: Point) => number): Set<Point> {
  return new Set(
    found.filter(
      (p) =>
        !found.some(
          (q) =>
            q !== p &&
            q.bits <= p.bits &&
            quality(q) >= quality(p) &&
            (q.bits < p.bits || quality(q) > quality(p)),
        ),
    ),
  );
}

/** Undefined where a weight has no whole number of blocks. */
async function pointOf(subject: Subject, scheme: string): Promise<Point | undefined> {
  const decoded = new Map<string, Float32Array>();
  let bits = 0;
  let count = 0;
  let signal = 0;
  let noise = 0;
  let full = scheme;
  for (const { name, values, dims, axes } of subject.matrices) {
    if (scheme.startsWith('gguf:') && axes.group !== dims.length - 1) return undefined;
    const trip = await roundTrip(scheme, { values, dims, axes, name }).catch((error) => {
      if (error.code === 'ggml/row-length') return undefined;
      throw error;
    });
    if (trip === undefined) return undefined;
    full = trip.scheme;
    bits += trip.bits;
    count += values.length;
    for (let i = 0; i < values.length; i++) {
      signal += values[i]! * values[i]!;
      noise += (values[i]! - trip.values[i]!) ** 2;
    }
    decoded.set(name, trip.values);
  }
  return {
    scheme: full,
    bits: bits / count,
    sqnrDb: noise === 0 ? EXACT : 10 * Math.log10(signal / noise),
    metric: await subject.measure(decoded),
  };
}

/** Least values of a weight that is replaced. */
const LEAST = 1024;

/** An ONNX network: weights of its products, convolutions and tables. */
async function network(model: BenchModel, folder: string): Promise<Subject> {
  const { model: graphs, close } = await open(model.file);
  const { graph } = graphs;
  const matrices: Matrix[] = [];
  for (const { name, weight, dims, axes, isMatrix } of weightViews(graph)) {
    if (!isMatrix || elementCount(dims) < LEAST) continue;
    matrices.push({ name, values: toFloat32(await loadWeight(weight)).slice(), dims, axes });
  }
  const data = (await dataOf(model)).evaluate!;
  const file = 'candidate.onnx';
  return {
    name: model.name,
    metric: 'accuracy',
    higherIsBetter: true,
    measuredOn: `${SAMPLES} samples`,
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
        measure: { runs: 0, memory: false, samples: SAMPLES },
      });
      return baseline!.metrics[0]!.value;
    },
  };
}

/** A language model: every weight that llama.cpp would quantize, run in float32 by llama.cpp. */
async function languageModel(place: string, folder: string): Promise<Subject> {
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
    measuredOn: `${chunks} chunks of 512 tokens`,
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
      return (await perplexityFigures(candidate)).value;
    },
  };
}
