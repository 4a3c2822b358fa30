import { observers } from 'lowbit';
import { createRuntime } from 'lowbit/runtime';
import { classifiers, present } from './models.ts';
import { top1Of } from './onnx-accuracy.ts';
import { percent, points, publish, type Row } from './table.ts';

export default async function run(): Promise<void> {
  const runtime = await createRuntime();
  const models = present(classifiers);
  const rows: Row[] = [];
  for (const observer of Object.keys(observers)) {
    let row: Row = { observer };
    for (const model of models) {
      const { float, quantized } = await top1Of(runtime, model, { to: 'int8', observer });
      row = {
        ...row,
        [`${model.name} (float ${percent(float)})`]: `${percent(quantized)} (${points(quantized - float)})`,
      };
      console.log(`${observer}, ${model.name}: ${percent(quantized)}`);
    }
    rows.push(row);
  }
  await runtime.close();
  publish('onnx-observers', rows);
}
