import { inspect } from 'lowbit';
import { formatInspect } from 'lowbit/report';
import type { Command } from '../command.ts';
import { commonFlags } from '../flags.ts';

export const inspectCommand: Command = {
  meta: {
    name: 'inspect',
    description: 'Say what a model holds. Only headers are read, no weight is loaded.',
  },
  args: {
    model: { type: 'positional', description: 'ONNX file or URL.' },
    tensors: { type: 'boolean', description: 'More of the largest tensors.', group: 'Output' },
    ...commonFlags,
  },
  examples: ['lowbit inspect model.onnx', 'lowbit inspect model.onnx --json | jq .operators'],
  async execute({ flags, terminal }) {
    const summary = await inspect(flags.positionals[0]!);
    const { color, width } = terminal;
    if (terminal.json) terminal.printJson(summary);
    else terminal.print(formatInspect(summary, { color, width, tensors: flags.boolean('tensors') ?? false }));
    return 0;
  },
};
