import { compare } from 'lowbit';
import { fail } from 'lowbit/tensor';
import type { Command } from '../command.ts';
import { commonFlags, dataSpecFlag, measureFlags, runFlags } from '../flags.ts';
import { openData, runOptions } from '../open-data.ts';
import { printRecord } from '../print-record.ts';
import { openProgress } from '../progress.ts';

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
  async execute({ flags, terminal, signal }) {
    const [reference] = flags.positionals;
    if (flags.positionals.length < 2) {
      const usage = 'lowbit compare <reference> <candidates>...';
      fail('flag/missing', { command: 'compare', what: 'two models or more', usage });
    }
    const data = await openData(flags.text('data'), reference!, flags);
    const progress = openProgress(terminal.quiet || terminal.json);
    try {
      const record = await compare({
        models: flags.positionals,
        ...(data !== undefined && { data }),
        ...runOptions(flags),
        onEvent: progress.onEvent,
        signal,
      });
      progress.clear();
      return printRecord(record, terminal, flags);
    } finally {
      progress.clear();
    }
  },
};
