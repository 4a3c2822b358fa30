import { type ObserverRow, observers } from 'lowbit/calibration';
import { textTable } from 'lowbit/report';
import type { Command } from '../command.ts';
import { commonFlags } from '../flags.ts';

export const observersCommand: Command = {
  meta: { name: 'observers', description: 'List the ways to choose the range of an activation.' },
  args: { ...commonFlags },
  examples: ['lowbit observers', 'lowbit quantize model.onnx --to int8 --observer mse --calibrate data/'],
  async execute({ terminal }) {
    const table = Object.entries(observers as Readonly<Record<string, ObserverRow>>);
    const rows = table.map(([name, { description, paper, needs }]) => ({ name, description, paper, needs }));
    const columns = [
      { title: 'observer', cell: (r: (typeof rows)[number]) => r.name },
      { title: 'range', cell: (r: (typeof rows)[number]) => r.description },
      { title: 'source', cell: (r: (typeof rows)[number]) => r.paper },
    ];
    if (terminal.json) terminal.printJson(rows);
    else terminal.print(`${textTable(columns, rows).join('\n')}\n`);
    return 0;
  },
};
