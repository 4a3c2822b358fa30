import { storedLines } from './format-stored.ts';
import type { FormatOptions } from './format-table.ts';
import { painter } from './painter.ts';
import { quantizedTexts, WEIGHTS_KEY } from './quantized-summary.ts';
import type { ModelSummary, PortSummary } from './summary.ts';
import { textTable, wrap } from './text-table.ts';
import { formatBytes, formatCount, formatPercent } from './units.ts';

/** Operators listed by name; the rest is counted. */
const operatorsShown = 16;
const tensorsShown = 5;

/** What a model holds, for a terminal. */
export function formatInspect(summary: ModelSummary, options: FormatOptions = {}): string {
  const { color = false, width = 100, tensors = false } = options;
  const paint = painter(color);
  const { file, inputs, outputs, operators, dtypes, largest, quantization, metadata } = summary;
  const field = (name: string, text: string) => wrap(`  ${name.padEnd(12)}${text}`, width, ' '.repeat(14));
  const ports = (of: readonly PortSummary[]) =>
    of.map((p) => `${p.name}: ${p.dtype} [${p.shape.join(', ')}]`);
  const opsets = Object.entries(summary.opsets).map(([domain, version]) => `${domain} ${version}`);
  const shown = operators.slice(0, operatorsShown).map(({ op, count }) => `${op} ${count}`);
  const more = operators.length - operatorsShown;
  const found = [...(summary.quantized ? quantizedTexts(summary.quantized) : []), ...quantization];
  // What the card says of the weights stands above in words.
  const shownMetadata = Object.entries(metadata).filter(([key]) => key !== WEIGHTS_KEY);
  const lines = [
    `${paint.bold(file.path)}  ${formatBytes(file.sizeBytes)}`,
    ...field('producer', summary.producer || 'not said'),
    ...field('opsets', `${opsets.join(', ')} (IR ${summary.irVersion})`),
    ...ports(inputs).flatMap((text, i) => field(i === 0 ? 'inputs' : '', text)),
    ...ports(outputs).flatMap((text, i) => field(i === 0 ? 'outputs' : '', text)),
    ...field('parameters', parametersText(summary)),
    ...field(
      'nodes',
      `${formatCount(summary.nodes)}: ${shown.join(', ')}${more > 0 ? `, and ${more} other types` : ''}`,
    ),
    ...(found.length === 0 ? ['no, a float model'] : found).flatMap((text, i) =>
      field(i === 0 ? 'quantized' : '', text),
    ),
    ...shownMetadata.flatMap(([key, value]) =>
      field('metadata', `${key} = ${shorten(value, width - 20 - key.length)}`),
    ),
    '',
  ];
  const dtypeColumns = [
    { title: 'stored as', cell: (d: (typeof dtypes)[number]) => d.dtype },
    {
      title: 'tensors',
      align: 'right' as const,
      cell: (d: (typeof dtypes)[number]) => formatCount(d.tensors),
    },
    { title: 'values', align: 'right' as const, cell: (d: (typeof dtypes)[number]) => formatCount(d.values) },
    {
      title: 'size',
      align: 'right' as const,
      cell: (d: (typeof dtypes)[number]) => formatBytes(d.sizeBytes),
    },
    {
      title: 'of all',
      align: 'right' as const,
      cell: (d: (typeof dtypes)[number]) => formatPercent(d.sizeBytes / Math.max(1, summary.weightBytes)),
    },
  ];
  lines.push(...textTable(dtypeColumns, dtypes, paint.faint).map((line) => `  ${line}`), '');
  const tensorColumns = [
    { title: 'largest tensors', cell: (t: (typeof largest)[number]) => t.name },
    { title: 'shape', cell: (t: (typeof largest)[number]) => `${t.dtype} [${t.dims.join(', ')}]` },
    {
      title: 'size',
      align: 'right' as const,
      cell: (t: (typeof largest)[number]) => formatBytes(t.sizeBytes),
    },
  ];
  const rows = largest.slice(0, tensors ? largest.length : tensorsShown);
  lines.push(...textTable(tensorColumns, rows, paint.faint).map((line) => `  ${line}`));
  if (summary.stored) lines.push('', ...storedLines(summary.stored, tensors, paint.faint));
  return `${lines.join('\n')}\n`;
}

/** '2,236,682 in 1.22 MB: 4.36 bits per weight'; of a packed file also what its tensors take there. */
function parametersText({ parameters, weightBytes, quantized, stored }: ModelSummary): string {
  const packed = stored?.tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const size = `${formatCount(parameters)} in ${formatBytes(weightBytes)}`;
  const told = packed === undefined ? size : `${size}, packed to ${formatBytes(packed)}`;
  if (quantized === undefined) return told;
  const bits = (8 * (packed ?? weightBytes)) / Math.max(1, parameters);
  return `${told}: ${bits.toFixed(2)} bits per weight`;
}

function shorten(text: string, width: number): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= width ? line : `${line.slice(0, Math.max(1, width - 1))}…`;
}
