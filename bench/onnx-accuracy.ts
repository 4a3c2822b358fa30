import { quantize, type Recipe } from 'lowbit';
import { memoryFolder } from 'lowbit/files';
import { createRuntime, type Runtime } from 'lowbit/runtime';
import { type BenchModel, classifiers, dataOf, present } from './models.ts';
import { percent, points, publish, type Row } from './table.ts';

/** What static int8 costs, by granularity and by what is done before. */
const variants: Readonly<Record<string, Partial<Recipe>>> = {
  'per channel': {},
  'per tensor, plain': { weights: 'per-tensor', equalize: false, correctBias: 'off' },
  'per tensor, equalized, analytic': { weights: 'per-tensor', equalize: true, correctBias: 'analytic' },
  'per tensor, equalized, empirical': { weights: 'per-tensor', equalize: true, correctBias: 'empirical' },
};

/** Top-1 before and after one recipe, on the whole evaluation data. */
export async function top1Of(
  runtime: Runtime,
  model: BenchModel,
  recipe: Recipe,
): Promise<{ readonly float: number; readonly quantized: number; readonly samples: number }> {
  const record = await quantize({
    ...recipe,
    model: model.file,
    ...(await dataOf(model)),
    output: memoryFolder(),
    runtime,
    measure: { runs: 0, memory: false },
  });
  const [float, quantized] = [record.baseline!, record.outputs[0]!.measurement!].map((m) => m.metrics[0]!);
  return { float: float!.value, quantized: quantized!.value, samples: quantized!.samples };
}

export default async function run(): Promise<void> {
  const runtime = await createRuntime();
  const rows: Row[] = [];
  for (const model of present(classifiers)) {
    let row: Row = { model: model.name };
    for (const [name, recipe] of Object.entries(variants)) {
      const { float, quantized, samples } = await top1Of(runtime, model, { to: 'int8', ...recipe });
      row = {
        ...row,
        samples: String(samples),
        float: percent(float),
        [name]: `${percent(quantized)} (${points(quantized - float)})`,
      };
      console.log(`${model.name}, ${name}: ${row[name]}`);
    }
    rows.push(row);
  }
  await runtime.close();
  publish('onnx-accuracy', rows);
}
