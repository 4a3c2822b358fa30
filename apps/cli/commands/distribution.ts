import { writeFile } from 'node:fs/promises';
import { distribution } from 'lowbit';
import { splitSchemes } from 'lowbit/numerics';
import { distributionSvg, formatDistribution } from 'lowbit/report';
import type { Command } from '../command.ts';
import { commonFlags } from '../flags.ts';
import { openProgress } from '../progress.ts';

/** Formats shown when none are named: what 4 and 8 bits offer. */
const usual = 'int8/channel,int4/32:asymmetric,nf4/64,kmeans4/channel';

export const distributionCommand: Command = {
  meta: {
    name: 'distribution',
    description: "Show how a tensor's values meet the levels of formats: histogram, levels, error, SQNR.",
  },
  args: {
    model: {
      type: 'positional',
      description: 'ONNX, GGUF or safetensors file, Hugging Face folder, or URL.',
    },
    tensor: {
      type: 'string',
      valueHint: 'name',
      description: 'Default: the largest weight. lowbit inspect --tensors lists them.',
    },
    formats: {
      type: 'string',
      valueHint: 'a,b,c',
      description: `Schemes: format/granularity:options+parts, or gguf:TYPE. Default: ${usual}.`,
    },
    svg: {
      type: 'string',
      valueHint: 'file.svg',
      description: 'Write the picture as SVG, too.',
      group: 'Output',
    },
    ...commonFlags,
  },
  examples: [
    'lowbit distribution model.onnx --tensor fc.weight --formats nf4/64,int4/64,kmeans4/64',
    'lowbit distribution ./checkpoint --tensor model.layers.0.mlp.down_proj.weight --svg down.svg',
    'lowbit distribution model.onnx --formats kmeans4/channel+rans,int4/64+outliers=0.5%,gguf:q4_k',
    'lowbit distribution model.f16.gguf --tensor blk.0.ffn_up.weight --formats int4/32:asymmetric,range=mse --json',
  ],
  async execute({ flags, terminal, signal }) {
    const tensor = flags.text('tensor');
    const progress = openProgress(terminal.quiet || terminal.json);
    const record = await distribution({
      model: flags.positionals[0]!,
      ...(tensor !== undefined && { tensor }),
      formats: splitSchemes(flags.text('formats') ?? usual),
      signal,
    }).finally(() => progress.clear());
    const svg = flags.text('svg');
    if (svg !== undefined) await writeFile(svg, await distributionSvg(record));
    const { color, width } = terminal;
    if (terminal.json) terminal.printJson(record);
    else terminal.print(formatDistribution(record, { color, width }));
    return 0;
  },
};
