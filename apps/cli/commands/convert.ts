import { type ConvertOptions, convert } from 'lowbit';
import { fail } from 'lowbit/tensor';
import type { Command } from '../command.ts';
import { defaultOutput, jobOptions } from '../default-output.ts';
import { commonFlags, outputFlags, runFlags } from '../flags.ts';
import { ggufFlags, recipeFrom } from '../recipe-flags.ts';
import { runWithProgress } from '../run-with-progress.ts';

const { threads, quiet } = runFlags;
const { to, ...others } = ggufFlags;

export const convertCommand: Command = {
  meta: {
    name: 'convert',
    description:
      'Store a model in another container. `gguf` keeps the types of its tensors (to join and to cut files), `gguf:f16` and its like choose them; `lowbit` packs an ONNX file, `onnx` unpacks it; `safetensors:float16` decodes a folder of quantized tensors.',
  },
  args: {
    model: {
      type: 'positional',
      description:
        'Hugging Face folder, GGUF file (any part of a split one), llama2.c .bin, ONNX or .lowbit file, or URL.',
    },
    to: {
      ...to!,
      description:
        'gguf, gguf:f16, gguf:q8_0, ... (`lowbit presets` lists them), lowbit, onnx, safetensors:float16.',
    },
    ...others,
    threads,
    quiet,
    ...outputFlags,
    tensors: { type: 'boolean', description: 'List every tensor.', group: 'Output' },
    ...commonFlags,
  },
  examples: [
    'lowbit convert ./checkpoint --to gguf:f16 -o model.f16.gguf',
    'lowbit convert model-00001-of-00003.gguf --to gguf -o model.gguf',
    'lowbit convert model.gguf --to gguf --split-max-size 2G -o parts/',
    'lowbit convert model.int8.onnx --to lowbit -o model.lowbit',
    'lowbit convert model.lowbit --to onnx -o model.int8.onnx',
    'lowbit convert quantized/ --to safetensors:float16 -o floats/',
    'lowbit convert model.gguf --to gguf --override-kv general.name=str:mine -o mine.gguf',
  ],
  async execute(run) {
    const { flags } = run;
    const model = flags.positionals[0]!;
    const recipe = recipeFrom(flags, {});
    if (recipe.to === undefined) {
      const usage = `lowbit convert ${model} --to gguf:f16`;
      fail('flag/missing', { command: 'convert', what: '--to', usage });
    }
    return runWithProgress(run, ({ measure: _, ...options }) =>
      convert({
        ...(recipe as unknown as Pick<ConvertOptions, 'to'>),
        model,
        output: flags.text('output') ?? defaultOutput(model, recipe.to),
        ...jobOptions(flags),
        ...options,
      }),
    );
  },
};
