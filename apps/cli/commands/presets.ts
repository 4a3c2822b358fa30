import { type Preset, presets } from 'lowbit/numerics';
import { textTable, wrap } from 'lowbit/report';
import type { Command } from '../command.ts';
import { commonFlags } from '../flags.ts';

export const presetsCommand: Command = {
  meta: { name: 'presets', description: 'List what a model can be quantized to.' },
  args: { ...commonFlags },
  examples: ['lowbit presets', 'lowbit presets --json'],
  async execute({ terminal }) {
    const rows = Object.entries(presets as Readonly<Record<string, Preset>>).map(([name, preset]) => ({
      name,
      ...preset,
    }));
    if (terminal.json) {
      terminal.printJson(rows);
      return 0;
    }
    type Row = (typeof rows)[number];
    const columns = [
      { title: 'preset', cell: (r: Row) => r.name },
      { title: 'kind', cell: (r: Row) => r.kind },
      { title: 'data', cell: (r: Row) => (r.needsCalibration ? 'needed' : 'not needed') },
      { title: 'transformers.js', cell: (r: Row) => r.transformersJs?.dtype ?? '' },
    ];
    const [head = '', ...lines] = textTable(columns, rows);
    const described = lines.flatMap((line, i) => [
      line,
      ...wrap(`    ${rows[i]!.description}`, terminal.width, '    '),
    ]);
    terminal.print(`${[head, ...described].join('\n')}\n`);
    return 0;
  },
};
