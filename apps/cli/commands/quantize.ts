import { type QuantizeOptions, quantize } from 'lowbit';
import { fail } from 'lowbit/tensor';
import type { Command } from '../command.ts';
import { defaultOutput, jobOptions } from '../default-output.ts';
import { commonFlags, dataSpecFlag, measureFlags, outputFlags, runFlags } from '../flags.ts';
import { openData, readJson } from '../open-data.ts';
import { recipeFlags, recipeFrom, recipeIn } from '../recipe-flags.ts';
import { runWithProgress } from '../run-with-progress.ts';

export const quantizeCommand: Command = {
  meta: {
    name: 'quantize',
    description: 'Quantize a model to one or more presets; open, run and measure what was written.',
  },
  args: {
    model: { type: 'positional', description: 'ONNX or GGUF file, Hugging Face folder, or URL.' },
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
    ...outputFlags,
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
    'lowbit quantize model.onnx --to format:kmeans4/channel+rans -o model.lowbit',
    'lowbit quantize ./checkpoint --to safetensors:nf4/64+rans -o out/',
    'lowbit quantize ./checkpoint --to bnb:nf4-double -o checkpoint-nf4/',
    'lowbit quantize ./checkpoint --to fp8:block -o checkpoint-fp8/',
    'lowbit quantize ./checkpoint --to gguf:Q4_K_M -o model.Q4_K_M.gguf',
    'lowbit quantize model.f16.gguf --to gguf:IQ4_XS,gguf:Q6_K --imatrix imatrix.gguf -o out/',
    'lowbit quantize model.f16.gguf --to gguf:Q3_K_M --tensor-type ffn_down=q5_k --search reference',
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
        ...jobOptions(flags),
        ...options,
      }),
    );
  },
};
