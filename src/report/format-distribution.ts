import type { DistributionRecord, FormatFit } from './distribution-record.ts';
import type { MenuOptions } from './format-menu.ts';
import { columnOf } from './level-picture.ts';
import { painter } from './painter.ts';
import { textTable, wrap } from './text-table.ts';

/** Lines that the histogram is high. */
const HEIGHT = 8;
const EIGHTHS = ' ▁▂▃▄▅▆▇█';

/** A histogram of the values, the levels of each scheme under it on the same axis, and what rounding costs. */
export function formatDistribution(record: DistributionRecord, options: MenuOptions = {}): string {
  const { tensor, distribution: spread, formats } = record;
  const { bold, faint } = painter(options.color ?? false);
  const names = Math.max(...formats.map((f) => f.scheme.length), 0) + 2;
  const width = Math.min(200, options.width ?? 100) - names;
  const largest = Math.max(-spread.min, spread.max) || 1;
  const margin = ' '.repeat(names);
  // Types of ggml have levels of levels: no line could show them.
  const drawn = formats.filter(({ levels }) => levels.length > 0);
  const text = [
    `${bold(tensor.name)}  ${tensor.type} [${tensor.shape.join(', ')}]`,
    ...wrap(
      `${spread.values} values from ${short(spread.min)} to ${short(spread.max)}, mean ${short(spread.mean)}, standard deviation ${short(spread.deviation)}, kurtosis ${spread.kurtosis.toFixed(1)}${spread.kurtosis > 6 ? ' (heavy tails)' : ''}, zeros ${spread.zeros}`,
      options.width ?? 100,
    ).map(faint),
    '',
    ...histogram(spread.counts, width).map((line) => margin + line),
    margin + axis(largest, width),
    ...drawn.map((fit) => `${fit.scheme.padEnd(names)}${levelLine(fit, largest, width)}`),
    '',
    ...textTable(columns, formats, faint),
  ];
  const grouped = formats.some((f) => f.blocks > 1);
  if (grouped) text.push('', faint('Levels are those of the block with the median scale.'));
  for (const { scheme, reason } of record.misfits ?? [])
    text.push('', ...wrap(`${scheme} left out: ${reason}`, options.width ?? 100));
  return `${text.join('\n')}\n`;
}

const short = (x: number) => String(Number(x.toPrecision(4)));

const columns = [
  { title: 'scheme', cell: (f: FormatFit) => f.scheme },
  { title: 'bits per weight', align: 'right' as const, cell: (f: FormatFit) => f.bitsPerWeight.toFixed(3) },
  {
    title: 'SQNR, dB',
    align: 'right' as const,
    cell: (f: FormatFit) => (Number.isFinite(f.sqnrDb) ? f.sqnrDb.toFixed(2) : 'exact'),
  },
  { title: 'mean squared error', align: 'right' as const, cell: (f: FormatFit) => f.mse.toExponential(3) },
  { title: 'largest error', align: 'right' as const, cell: (f: FormatFit) => f.maxError.toExponential(2) },
  {
    title: 'codes used',
    align: 'right' as const,
    cell: (f: FormatFit) => (f.codes === 0 ? '' : `${f.usedCodes} of ${f.codes}`),
  },
];

/** Bars of eighths of a line, from counts brought to `width` columns. */
function histogram(counts: readonly number[], width: number): string[] {
  const heights = new Array<number>(width).fill(0);
  for (let column = 0; column < width; column++) {
    const from = (column * counts.length) / width;
    const to = ((column + 1) * counts.length) / width;
    for (let bin = Math.floor(from); bin < to; bin++) {
      const shared = Math.min(to, bin + 1) - Math.max(from, bin);
      heights[column]! += (counts[bin] ?? 0) * shared;
    }
  }
  const most = Math.max(...heights, 1);
  const eighths = heights.map((h) => (h === 0 ? 0 : Math.max(1, Math.round((h / most) * HEIGHT * 8))));
  return Array.from({ length: HEIGHT }, (_, line) => {
    const floor = (HEIGHT - 1 - line) * 8;
    return eighths
      .map((e) => EIGHTHS[Math.max(0, Math.min(8, e - floor))]!)
      .join('')
      .trimEnd();
  });
}

/** A ruled line with the ends and 0 named. */
function axis(largest: number, width: number): string {
  const left = short(-largest);
  const right = short(largest);
  const middle = columnOf(0, width);
  const start = left.padEnd(middle, ' ');
  return `${start}0${' '.repeat(Math.max(1, width - middle - 1 - right.length))}${right}`;
}

/** A mark for each level, where several share a column a denser one. */
function levelLine({ levels }: FormatFit, largest: number, width: number): string {
  const counts = new Array<number>(width).fill(0);
  for (const level of levels) {
    if (Math.abs(level) <= largest * 1.001) counts[columnOf(level / largest, width)]!++;
  }
  return counts.map((n) => (n === 0 ? '─' : n === 1 ? '┼' : n < 4 ? '╫' : '█')).join('');
}
