import { basename, extname } from 'node:path';
import { type QuantizeOptions, quantize } from 'lowbit';
import { fail } from 'lowbit/tensor';
import type { Command } from '../command.ts';
import { commonFlags, dataSpecFlag, measureFlags, runFlags } from '../flags.ts';
import { openData, readJson } from '../open-data.ts';
import { recipeFlags, recipeFrom, recipeIn } from '../recipe-flags.ts';
import { runWithProgress } from '../run-with-progress.ts';

export const quantizeCommand: Command = {
  meta: {
    name: 'quantize',
    description: 'Quantize a model to one or more presets; open, run and measure what was written.',
  },
  args: {
    model: { type: 'positional', description: 'ONNX file or URL.' },
    ...recipeFlags,
    recipe: {
      type: 'string',
      valueHint: 'file.json',
      description: 'A recipe; flags win over it.',
      group: 'Recipe',
    },
    calibrate: {
      type: 'string',
      valueHint: 'data',
      description: 'Data to calibrate on: a folder, a file, or either with #split.',
      group: 'Data',
    },
    evaluate: {
      type: 'string',
      valueHint: 'data',
      description: 'Held-out data to measure on.',
      group: 'Data',
    },
    ...dataSpecFlag,
    ...measureFlags,
    ...runFlags,
    output: {
      type: 'string',
      alias: 'o',
      valueHint: 'path',
      description: 'File for one preset, folder for several. Default: named after the model, in this folder.',
      group: 'Output',
    },
    'dry-run': {
      type: 'boolean',
      description: 'Say what would be done and how large it would be; write nothing.',
      group: 'Output',
    },
    force: { type: 'boolean', alias: 'f', description: 'Replace files that are there.', group: 'Output' },
    tensors: { type: 'boolean', description: 'List every quantized tensor.', group: 'Output' },
    ...commonFlags,
  },
  examples: [
    'lowbit quantize model.onnx --to int8 --calibrate data/ --evaluate data/ -o model.int8.onnx',
    'lowbit quantize model.onnx --to int8-dynamic,fp16,q4,q8,uint8 -o out/',
    'lowbit quantize model.onnx --to int8 --calibrate data#calib --evaluate data#test --max-drop 0.5%',
    "lowbit quantize model.onnx --to q4 --override '*classifier*=q8-weights' --keep Gather",
    'lowbit quantize model.onnx --to q4,q4f16,fp16 --layout transformers.js -o my-model/',
    'lowbit quantize model.onnx --to int8 --calibrate data/ --dry-run',
  ],
  async execute(run) {
    const { flags } = run;
    const model = flags.positionals[0]!;
    const file = flags.text('recipe');
    const recipe = recipeFrom(flags, file === undefined ? {} : recipeIn(await readJson(file), file));
    if (recipe.to === undefined) {
      fail('flag/missing', {
        command: 'quantize',
        what: '--to',
        usage: `lowbit quantize ${model} --to int8`,
      });
    }
    const calibrate = await openData(flags.text('calibrate'), model, flags);
    const same = flags.text('evaluate') === flags.text('calibrate');
    const evaluate = same ? calibrate : await openData(flags.text('evaluate'), model, flags);
    return runWithProgress(run, (options) =>
      quantize({
        ...(recipe as unknown as Pick<QuantizeOptions, 'to'>),
        model,
        ...(calibrate !== undefined && { calibrate }),
        ...(evaluate !== undefined && { evaluate }),
        output: flags.text('output') ?? defaultOutput(model, recipe.to),
        ...(flags.has('force') && { force: flags.boolean('force')! }),
        ...(flags.has('dry-run') && { dryRun: flags.boolean('dry-run')! }),
        ...options,
      }),
    );
  },
};

/** model.int8.onnx for one preset, the folder model-lowbit for several. */
function defaultOutput(model: string, to: unknown): string {
  const name = basename(model.replace(/[?#].*$/, ''));
  const stem = name.slice(0, name.length - extname(name).length);
  const presets = [to].flat().flatMap((name) => String(name).split(','));
  return presets.length === 1 ? `${stem}.${presets[0]}.onnx` : `${stem}-lowbit/`;
}
