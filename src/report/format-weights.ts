import { typeTable } from './format-gguf.ts';
import { storedLines } from './format-stored.ts';
import type { FormatOptions } from './format-table.ts';
import { painter } from './painter.ts';
import { quantizedTexts } from './quantized-summary.ts';
import type { TensorSummary } from './summary.ts';
import { textTable, wrap } from './text-table.ts';
import { formatBytes, formatCount } from './units.ts';
import type { ImatrixSummary, WeightsSummary } from './weights-summary.ts';

const tensorsShown = 5;
const names = {
  gguf: 'GGUF',
  safetensors: 'safetensors',
  'llama2.c': 'llama2.c',
  imatrix: 'legacy .dat',
} as const;

/** What a GGUF file or a checkpoint holds, for a terminal. `tensors`: all of them, in the order of the file. */
export function formatWeights(summary: WeightsSummary, options: FormatOptions = {}): string {
  const { color = false, width = 100, tensors = false } = options;
  const paint = painter(color);
  const { file, files, container, fileType, metadata, types, list } = summary;
  const field = (name: string, text: string) => wrap(`  ${name.padEnd(14)}${text}`, width, ' '.repeat(16));
  const { imatrix } = summary;
  const stored = [names[container], ...(fileType === undefined ? [] : [fileType])].join(', ');
  const kind = imatrix === undefined ? stored : `importance matrix (${stored})`;
  const entries = Object.entries(metadata);
  const keyWidth = Math.min(44, Math.max(0, ...entries.map(([key]) => key.length)));
  const lines = [
    `${paint.bold(file.path)}  ${formatBytes(file.sizeBytes)}${files > 1 ? ` in ${files} files` : ''}`,
    ...field('kind', kind),
    ...(imatrix === undefined ? modelFields(summary) : imatrixFields(imatrix)).flatMap(([name, text]) =>
      field(name, text),
    ),
    '',
    ...(entries.length === 0 ? [] : [paint.faint('  metadata')]),
    ...entries.map(([key, value]) => {
      const head = `  ${key.padEnd(keyWidth)}  `;
      return head + shorten(value, width - head.length);
    }),
    ...(entries.length === 0 ? [] : ['']),
    ...typeTable(types, paint.faint).map((line) => `  ${line}`),
    '',
  ];
  const rows = tensors ? list : [...list].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, tensorsShown);
  const columns = [
    { title: tensors ? 'tensors' : 'largest tensors', cell: (t: TensorSummary) => t.name },
    { title: 'shape', cell: (t: TensorSummary) => `${t.dtype} [${t.dims.join(', ')}]` },
    { title: 'size', align: 'right' as const, cell: (t: TensorSummary) => formatBytes(t.sizeBytes) },
  ];
  lines.push(...textTable(columns, rows, paint.faint).map((line) => `  ${line}`));
  if (summary.stored) lines.push('', ...storedLines(summary.stored, tensors, paint.faint));
  return `${lines.join('\n')}\n`;
}

const modelFields = (summary: WeightsSummary): [string, string][] => [
  ['architecture', summary.architecture || 'not said'],
  [
    'parameters',
    `${formatCount(summary.parameters)} in ${formatBytes(summary.weightBytes)}: ${summary.bitsPerWeight.toFixed(2)} bits per weight`,
  ],
  ...(summary.quantized ? quantizedTexts(summary.quantized) : []).map((text, i): [string, string] => [
    i === 0 ? 'quantized' : '',
    text,
  ]),
];

const imatrixFields = ({ entries, chunks, tokens, datasets }: ImatrixSummary): [string, string][] => [
  ['entries', formatCount(entries)],
  [
    'computed on',
    chunks === 0
      ? 'not said'
      : `${formatCount(chunks)} chunks${tokens === 0 ? '' : `, ${formatCount(tokens)} tokens`}`,
  ],
  ['texts', datasets.join(', ') || 'not said'],
];

function shorten(text: string, width: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const control = /[\u0000-\u001f\u007f-\u009f]/;
  // Quoted, so that a line end or an escape sequence in a file reaches no terminal.
  const line = control.test(text) ? JSON.stringify(text) : text;
  return line.length <= width ? line : `${line.slice(0, Math.max(1, width - 1))}…`;
}
