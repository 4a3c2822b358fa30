/**
 * The main job on a real trained network: quantize the glyph classifier to several presets, verify each beside
 * the float model on 10,000 pictures it has never seen, and print what it cost.
 */
import { mkdirSync } from 'node:fs';
import { relative } from 'node:path';
import { LowbitError, quantize } from 'lowbit';
import { formatTable } from 'lowbit/report';
import { glyphDataset } from './glyph-dataset.ts';
import { projectFile } from './project-file.ts';

const output = projectFile('out/demo');
mkdirSync(output, { recursive: true });
const steps = { quantize: 'quantizing to', write: 'writing', verify: 'measuring' } as Record<string, string>;

console.log(
  'Quantizing examples/glyphs/glyphs.onnx: a MobileNetV2-style network, 36 classes, trained in float.',
);
try {
  const record = await quantize({
    model: projectFile('examples/glyphs/glyphs.onnx'),
    to: ['int8', 'int8-dynamic', 'int8-weights', 'fp16', 'bf16'],
    calibrate: glyphDataset({ seed: 1, size: 512 }),
    evaluate: glyphDataset({ seed: 2, size: 10_000 }),
    output,
    force: true,
    onEvent: (event) => {
      if (event.type === 'step' && steps[event.step]) console.log(`  ${steps[event.step]} ${event.preset}`);
    },
  });
  console.log(`\n${formatTable(record, { color: process.stdout.isTTY === true && !process.env.NO_COLOR })}`);
  console.log(`The files are in ${relative(process.cwd(), output) || output}/.`);
} catch (error) {
  if (!(error instanceof LowbitError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
