import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formats, type NumberFormat, parseScheme, roundTrip, schemeText } from 'lowbit/numerics';
import { projectFile } from '../examples/glyphs/project-file.ts';
import { lm35m } from './gguf-files.ts';
import { type BenchModel, mobilenetv2, present, sst2Encoder } from './models.ts';
import {
  EXACT,
  keepMeasured,
  line,
  type Measured,
  page,
  readMeasured,
  writeIntoDocs,
} from './rate-distortion-page.ts';
import type { Point } from './rate-distortion-picture.ts';
import { languageModel, network, type Subject } from './rate-distortion-subjects.ts';

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

/** Books in stages search 2^16 sums for each code: minutes for a model of more values than this, and left out there. */
const MANY = 20e6;

/** How a model is measured; a sentence takes longer than a picture. */
const subjects: Readonly<Record<string, (model: BenchModel, folder: string) => Promise<Subject>>> = {
  [mobilenetv2.name]: (model, folder) => network(model, folder, 1000),
  [sst2Encoder.name]: (model, folder) => network(model, folder, 500),
  [lm35m.name]: (model, folder) => languageModel(model.file, folder),
};

/**
 * Every format on the weights of three trained models: true bits per weight against SQNR and against the task.
 * Models and schemes may be named on the command line; a run that was cut off goes on. The word `docs` writes what
 * was found into docs/formats.md.
 */
export default async function run(): Promise<void> {
  const intoDocs = process.argv.slice(3).includes('docs');
  const words = process.argv.slice(3).filter((word) => word !== 'docs');
  const known = [mobilenetv2, sst2Encoder, lm35m];
  const named = known.filter(({ name }) => words.includes(name));
  const wanted = named.length > 0 ? named : known;
  const chosen = words.filter((word) => known.every(({ name }) => name !== word));
  const schemes = chosen.length > 0 ? chosen : [...own, ...beside];
  mkdirSync(projectFile('out/bench'), { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-rate-distortion-'));
  const measured: Measured[] = [];
  try {
    for (const model of present(wanted)) {
      const subject = await subjects[model.name]!(model, folder);
      measured.push(await measure(subject, schemes));
      await subject.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const text = page(measured);
  writeFileSync(projectFile('out/bench/rate-distortion.md'), text);
  console.log(`\n${text}`);
  if (intoDocs) writeIntoDocs(measured);
}

/** Points of an earlier run on the same data are taken as they are. */
async function measure(subject: Subject, schemes: readonly string[]): Promise<Measured> {
  const { name, metric, higherIsBetter, measuredOn, samples, matrices } = subject;
  const kept = readMeasured(name);
  const before = kept?.measuredOn === measuredOn ? kept : undefined;
  const values = matrices.reduce((sum, m) => sum + m.values.length, 0);
  const float = before?.float ?? (await subject.measure(new Map()));
  const found: Point[] = [];
  const record = (points: readonly Point[]): Measured => ({
    ...{ name, metric, higherIsBetter, measuredOn, ...(samples && { samples }) },
    ...{ weights: matrices.length, values, float, points },
  });
  for (const scheme of schemes) {
    if (values > MANY && scheme.startsWith('rvq')) continue;
    const full = scheme.startsWith('gguf:') ? scheme : schemeText(parseScheme(scheme));
    const point = before?.points.find((p) => p.scheme === full) ?? (await pointOf(subject, scheme));
    if (point === undefined || found.some((p) => p.scheme === point.scheme)) continue;
    found.push(point);
    const others = before?.points.filter((p) => found.every((q) => q.scheme !== p.scheme)) ?? [];
    keepMeasured(record([...others, ...found]));
    console.log(`${name}  ${line(point)}`);
  }
  return record(found);
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
