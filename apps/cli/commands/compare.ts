import { compare } from 'lowbit';
import { fail } from 'lowbit/tensor';
import type { Command } from '../command.ts';
import { commonFlags, dataSpecFlag, measureFlags, runFlags } from '../flags.ts';
import { openData } from '../open-data.ts';
import { runWithProgress } from '../run-with-progress.ts';

export const compareCommand: Command = {
  meta: { name: 'compare', description: 'Compare models with a reference: outputs, size, speed, memory.' },
  args: {
    reference: { type: 'positional', description: 'The model that others are held against.' },
    candidates: { type: 'positional', repeat: true, description: 'One or more models with the same inputs.' },
    data: {
      type: 'string',
      valueHint: 'data',
      description: 'Data to compare on; without it, made-up inputs.',
      group: 'Data',
    },
    ...dataSpecFlag,
    ...measureFlags,
    ...runFlags,
    ...commonFlags,
  },
  examples: [
    'lowbit compare model.onnx model.int8.onnx --data data/',
    'lowbit compare model.onnx out/q4.onnx out/fp16.onnx --runs 200 --threads 1',
  ],
  async execute(run) {
    const { flags } = run;
    const [reference] = flags.positionals;
    if (flags.positionals.length < 2) {
      const usage = 'lowbit compare <reference> <candidates>...';
      fail('flag/missing', { command: 'compare', what: 'two models or more', usage });
    }
    const data = await openData(flags.text('data'), reference!, flags);
    return runWithProgress(run, (options) =>
      compare({
        models: flags.positionals,
        ...(data !== undefined && { data }),
        ...options,
      }),
    );
  },
};
