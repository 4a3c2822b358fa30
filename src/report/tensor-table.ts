import type { QuantizedWeightRecord } from '../graph/index.ts';
import { type Column, textTable } from './text-table.ts';
import { formatBytes, formatCount, formatRatio } from './units.ts';

type Tensors = readonly QuantizedWeightRecord[];

/** Codes, scales, zero points, learned levels and what is added to them. */
const storedBytes = (t: QuantizedWeightRecord) =>
  t.codeBytes + t.scaleBytes + t.zeroPointBytes + (t.bookBytes ?? 0) + (t.extraBytes ?? 0);

/** Tensors below this keep most of their cost in scales: they are counted apart. */
const largeTensorValues = 4096;

/** 'quantized: 3 large tensors in 1.2 MB for 4.9 MB (0.25x), ...'. */
export function tensorsText(tensors: Tensors): string | undefined {
  if (tensors.length === 0) return undefined;
  const size = (n: number) => formatCount(n);
  const groups = [
    { kind: 'large', range: `>= ${size(largeTensorValues)} values`, of: tensors.filter(isLarge) },
    { kind: 'small', range: undefined, of: tensors.filter((t) => !isLarge(t)) },
  ].filter(({ of }) => of.length > 0);
  const texts = groups.map(({ kind, range, of }) => {
    const stored = of.reduce((sum, t) => sum + storedBytes(t), 0);
    const float = of.reduce((sum, t) => sum + t.floatBytes, 0);
    const count = `${size(of.length)} ${kind} tensor${of.length === 1 ? '' : 's'}`;
    const meaning = range === undefined ? '' : ` (${range})`;
    return `${count}${meaning} in ${formatBytes(stored)} for ${formatBytes(float)} (${formatRatio(stored / float)})`;
  });
  return `quantized: ${texts.join(', ')}`;
}

const isLarge = (t: QuantizedWeightRecord) => t.values >= largeTensorValues;

const right = { align: 'right' } as const;

const named: readonly Column<QuantizedWeightRecord>[] = [
  { title: 'tensor', cell: (t) => t.name },
  { title: 'operator', cell: (t) => t.op },
  { title: 'format', cell: (t) => t.format },
  { title: 'granularity', cell: (t) => t.granularity },
  { title: 'float', ...right, cell: (t) => formatBytes(t.floatBytes) },
];

const ratio: Column<QuantizedWeightRecord> = {
  title: 'ratio',
  ...right,
  cell: (t) => formatRatio(storedBytes(t) / t.floatBytes),
};

const measured: readonly Column<QuantizedWeightRecord>[] = [
  ...named,
  { title: 'codes', ...right, cell: (t) => formatBytes(t.codeBytes) },
  { title: 'scales', ...right, cell: (t) => formatBytes(t.scaleBytes + t.zeroPointBytes) },
  ratio,
];

const planned: readonly Column<QuantizedWeightRecord>[] = [
  ...named,
  { title: '', cell: () => '->' },
  { title: 'stored', ...right, cell: (t) => formatBytes(storedBytes(t)) },
  ratio,
];

/** Every quantized tensor, the largest first. A plan says what each will take, a result what of it is scales. */
export function tensorTable(
  tensors: Tensors,
  kind: 'planned' | 'measured',
  style: (title: string) => string,
): string[] {
  const rows = [...tensors].sort((a, b) => b.floatBytes - a.floatBytes);
  const columns = kind === 'planned' ? planned : measured;
  return ['  tensors:', ...textTable(columns, rows, style).map((line) => `    ${line}`)];
}
