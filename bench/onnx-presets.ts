import { LowbitError, presets, quantize } from 'lowbit';
import { memoryFolder } from 'lowbit/files';
import { createRuntime } from 'lowbit/runtime';
import {
  type BenchModel,
  classifiers,
  dataOf,
  present,
  sst2Bilstm,
  sst2Encoder,
  unlabelled,
} from './models.ts';
import { mb, percent, publish, type Row, ratio } from './table.ts';

/** Tensors of at least so many values are what the size bounds are about; smaller ones are listed apart. */
const LARGE = 4096;
/** All of the smaller sets; the picture classifiers have tables of their own on all their data. */
const SAMPLES = 2000;

async function tryPreset(
  model: BenchModel,
  preset: string,
  runtime: Awaited<ReturnType<typeof createRuntime>>,
): Promise<Row> {
  const row: Row = { model: model.name, preset };
  try {
    const record = await quantize({
      model: model.file,
      to: preset,
      ...(await dataOf(model)),
      output: memoryFolder(),
      runtime,
      measure: { runs: 0, memory: false, samples: SAMPLES },
    });
    const output = record.outputs[0]!;
    if (output.measurement === undefined) return { ...row, result: output.why ?? output.status };
    const large = output.tensors.filter((t) => t.values >= LARGE);
    const small = output.tensors.filter((t) => t.values < LARGE);
    const bytes = (tensors: typeof large) =>
      tensors.reduce((n, t) => n + t.codeBytes + t.scaleBytes + t.zeroPointBytes, 0);
    const floats = (tensors: typeof large) => tensors.reduce((n, t) => n + t.floatBytes, 0);
    const share = (tensors: typeof large) =>
      tensors.length === 0 ? '-' : ratio(bytes(tensors) / floats(tensors));
    const [before, after] = [record.baseline!.metrics[0], output.measurement.metrics[0]];
    const worst = [...(output.agreement?.outputs ?? [])].sort((a, b) => a.sqnrDb - b.sqnrDb)[0];
    return {
      ...row,
      'file MB': mb(output.measurement.file.sizeBytes),
      'file / float': ratio(output.measurement.file.sizeBytes / record.source.sizeBytes),
      'tensors >= 4096 values': share(large),
      'smaller tensors': share(small),
      'SQNR dB': worst === undefined ? '-' : worst.sqnrDb.toFixed(1),
      cosine: worst === undefined ? '-' : worst.cosine.toFixed(5),
      'same decision':
        output.agreement?.sameDecision === undefined ? '-' : percent(output.agreement.sameDecision),
      metric: after === undefined ? '-' : `${percent(after.value)} (float ${percent(before!.value)})`,
      result:
        output.status === 'done' ? 'loads, runs' : (output.why ?? output.limits.map((l) => l.text).join()),
    };
  } catch (error) {
    if (!(error instanceof LowbitError)) throw error;
    const { details } = error as LowbitError<'recipe/nothing-to-quantize'>;
    const nothing = error.code === 'recipe/nothing-to-quantize';
    return { ...row, result: nothing ? `does not apply: ${details.why}` : error.message.split('\n')[0]! };
  }
}

export default async function run(): Promise<void> {
  const runtime = await createRuntime();
  const rows: Row[] = [];
  const only = process.argv[3];
  const models = [...classifiers, sst2Encoder, sst2Bilstm, ...unlabelled];
  for (const model of present(models.filter(({ name }) => only === undefined || name.includes(only)))) {
    for (const preset of Object.keys(presets)) {
      const row = await tryPreset(model, preset, runtime);
      console.log(`${model.name} ${preset}: ${row['SQNR dB'] ?? ''} ${row.result}`);
      rows.push(row);
    }
  }
  await runtime.close();
  publish('onnx-presets', rows);
}
