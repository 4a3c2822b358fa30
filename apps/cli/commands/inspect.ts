import { inspect } from 'lowbit';
import { formatInspect, formatWeights } from 'lowbit/report';
import type { Command } from '../command.ts';
import { commonFlags } from '../flags.ts';

export const inspectCommand: Command = {
  meta: {
    name: 'inspect',
    description: 'Say what a model holds. Only headers are read, no weight is loaded.',
  },
  args: {
    model: {
      type: 'positional',
      description: 'ONNX, GGUF or safetensors file, Hugging Face folder, or URL.',
    },
    tensors: {
      type: 'boolean',
      description: 'More of the largest tensors; GGUF, safetensors: all of them.',
      group: 'Output',
    },
    ...commonFlags,
  },
  examples: [
    'lowbit inspect model.onnx',
    'lowbit inspect model.onnx --json | jq .operators',
    'lowbit inspect model.Q4_K_M.gguf --tensors',
    'lowbit inspect ./checkpoint',
  ],
  async execute({ flags, terminal }) {
    const summary = await inspect(flags.positionals[0]!);
    const { color, width } = terminal;
    const options = { color, width, tensors: flags.boolean('tensors') ?? false };
    if (terminal.json) terminal.printJson(summary);
    else if (summary.container === 'onnx') terminal.print(formatInspect(summary, options));
    else terminal.print(formatWeights(summary, options));
    return 0;
  },
};
