import { quantize, type Recipe } from 'lowbit';
import { memoryFolder } from 'lowbit/files';
import { type BenchModel, dataOf, mobilenetv2, present, resnet18s, sst2Encoder } from './models.ts';
import { ms, percent, publish, type Row, ratio } from './table.ts';

const jobs: readonly { readonly model: BenchModel; readonly recipe: Recipe; readonly what: string }[] = [
  { model: sst2Encoder, recipe: { to: 'int8-dynamic' }, what: 'int8-dynamic' },
  { model: sst2Encoder, recipe: { to: 'q4' }, what: 'q4' },
  { model: resnet18s, recipe: { to: 'int8' }, what: 'int8' },
  { model: mobilenetv2, recipe: { to: 'int8' }, what: 'int8' },
  { model: mobilenetv2, recipe: { to: 'int8', depthwise: 'float' }, what: 'int8, depthwise float' },
];

export default async function run(): Promise<void> {
  const here = new Set(present([...new Set(jobs.map((job) => job.model))]));
  const rows: Row[] = [];
  for (const { model, recipe, what } of jobs) {
    if (!here.has(model)) continue;
    const record = await quantize({
      ...recipe,
      model: model.file,
      ...(await dataOf(model)),
      output: memoryFolder(),
      measure: { runs: 100, batch: 8, samples: 256, memory: false },
    });
    const [float, quantized] = [record.baseline!, record.outputs[0]!.measurement!];
    for (const [i, before] of float.latency.entries()) {
      const after = quantized.latency[i]!;
      rows.push({
        model: model.name,
        preset: what,
        batch: String(before.batch),
        'float ms (median, p95)': `${ms(before.medianMs)}, ${ms(before.p95Ms)}`,
        'quantized ms (median, p95)': `${ms(after.medianMs)}, ${ms(after.p95Ms)}`,
        speedup: ratio(after.speedup!),
        'top-1 (256 samples)': `${percent(float.metrics[0]!.value)} -> ${percent(quantized.metrics[0]!.value)}`,
      });
    }
    console.log(`${model.name} ${what}: done on ${record.machine.cpu}, ${record.machine.threads} threads`);
  }
  publish('onnx-latency', rows);
}
