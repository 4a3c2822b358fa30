import { type CheckpointTarget, checkpointTargets } from 'lowbit';
import { bitsPerWeight, blockFormats, type FileType, fileTypes, type Preset, presets } from 'lowbit/numerics';
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
    const copy = {
      name: 'gguf',
      kind: 'gguf',
      description: 'Every tensor keeps its type: to join, to cut, to change metadata.',
    };
    const files = Object.entries(fileTypes as Readonly<Record<string, FileType>>).map(
      ([name, { id, main, description }]) => ({
        name: `gguf:${name}`,
        kind: 'gguf',
        id,
        main: blockFormats[main].label,
        bitsPerWeight: bitsPerWeight(blockFormats[main]),
        description,
      }),
    );
    const folders = Object.entries(checkpointTargets as Readonly<Record<string, CheckpointTarget>>).map(
      ([name, { description, loadedBy, bitsPerWeight }]) => ({
        name,
        kind: 'checkpoint',
        bitsPerWeight,
        loadedBy,
        description,
      }),
    );
    if (terminal.json) {
      terminal.printJson([...rows, copy, ...files, ...folders]);
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
    type File = Partial<(typeof files)[number]> & typeof copy;
    const fileColumns = [
      { title: 'GGUF file type', cell: (f: File) => f.name },
      { title: 'most tensors', cell: (f: File) => f.main ?? 'as stored' },
      { title: 'bits', align: 'right' as const, cell: (f: File) => f.bitsPerWeight?.toFixed(2) ?? '' },
      { title: '', cell: (f: File) => f.description },
    ];
    type Folder = (typeof folders)[number];
    const folderColumns = [
      { title: 'checkpoint', cell: (f: Folder) => f.name },
      { title: 'bits', align: 'right' as const, cell: (f: Folder) => f.bitsPerWeight.toFixed(2) },
      { title: 'loaded by', cell: (f: Folder) => f.loadedBy },
    ];
    const [folderHead = '', ...folderLines] = textTable(folderColumns, folders);
    const checkpoints = folderLines.flatMap((line, i) => [
      line,
      ...wrap(`    ${folders[i]!.description}`, terminal.width, '    '),
    ]);
    const gguf = textTable<File>(fileColumns, [copy, ...files]);
    terminal.print(`${[head, ...described, '', ...gguf, '', folderHead, ...checkpoints].join('\n')}\n`);
    return 0;
  },
};
