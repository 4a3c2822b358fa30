import { fail } from '../../tensor/index.ts';
import type { ArraySpec } from '../dataset-spec.ts';
import { indexLines, type LineIndex } from '../line-index.ts';
import type { Rows } from '../rows.ts';
import { textDType } from './json.ts';
import type { Reader } from './reader.ts';

/** A table of text: lines of cells, the first line perhaps their names. */
export interface Table {
  readonly name: string;
  /** Lines without the header. */
  readonly count: number;
  readonly separator: string;
  readonly header: readonly string[] | undefined;
  read(start: number, count: number): Promise<string[]>;
}

/** Separator and header as said, or by extension and by how columns are named. */
export async function tableOf(lines: LineIndex, spec: ArraySpec): Promise<Table> {
  const separator = spec.separator ?? (/\.csv$/i.test(lines.name) ? ',' : '\t');
  const named = typeof spec.key === 'string' || spec.columns?.some((c) => typeof c === 'string');
  const skip = lines.count > 0 && (spec.header ?? named ?? false) ? 1 : 0;
  const header = skip === 1 ? (await lines.read(0, 1))[0]!.split(separator) : undefined;
  return {
    name: lines.name,
    count: lines.count - skip,
    separator,
    header,
    read: (start, count) => lines.read(start + skip, count),
  };
}

/** Number of a column. @throws name/unknown listing the columns. */
export function columnOf({ name, header }: Table, key: string | number): number {
  if (typeof key === 'number') return key;
  const index = header?.indexOf(key) ?? -1;
  if (index < 0) fail('name/unknown', { what: `column of ${name}`, got: key, known: header ?? [] });
  return index;
}

/** Cells of a line. Quoted cells are refused: a separator inside one would be cut silently. */
export function cellsOf({ name, separator }: Table, line: string): string[] {
  const cells = line.split(separator);
  if (separator === ',' && cells.some((c) => c.startsWith('"'))) {
    fail('data/malformed', { file: name, what: 'quoted cells are not read; write the table with tabs' });
  }
  return cells;
}

/** Numbers in columns: features, token ids separated by spaces, labels as numbers or words. */
export const tsv: Reader = {
  description: 'tab or comma separated columns of numbers, token ids (separated by spaces) or label words',
  extensions: ['.tsv', '.csv'],
  guess: ({ where }) => fail('data/not-guessed', { path: where, why: 'nobody said which columns feed it' }),
  async open({ folder, path, spec, labels = false, labelNames }): Promise<Rows> {
    const table = await tableOf(await indexLines(await folder.open(path)), spec);
    if (spec.columns === undefined && spec.key === undefined) {
      fail('data/needs', { file: path, what: '"key" (one column) or "columns"' });
    }
    const columns = (spec.columns ?? [spec.key!]).map((key) => columnOf(table, key));
    const cell = (line: string, index: number, column: number) => {
      const text = cellsOf(table, line)[column];
      if (text === undefined)
        fail('data/malformed', { file: path, what: `line ${index + 1} has no column ${column}` });
      return text.trim();
    };
    const number = (text: string, index: number) => {
      const word = labelNames?.indexOf(text) ?? -1;
      const value = word >= 0 ? word : text === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value)) {
        fail('data/malformed', {
          file: path,
          what: `'${text}' of sample ${index} is no number${labels ? ' and no label name' : ''}`,
        });
      }
      return value;
    };
    const [first] = table.count > 0 ? await table.read(0, 1) : [];
    const lists =
      !labels && columns.length === 1 && first !== undefined && cell(first, 0, columns[0]!).includes(' ');
    const dtype = textDType(path, spec.dtype) ?? (lists || labels ? 'int32' : 'float32');
    const dims = lists ? undefined : spec.columns === undefined ? [] : [columns.length];
    return {
      source: path,
      count: table.count,
      dtype,
      dims,
      async read(start, count) {
        const rows = (await table.read(start, count)).map((line, i) =>
          columns.flatMap((column) => {
            const text = cell(line, start + i, column);
            const parts = lists ? text.split(/ +/) : [text];
            return parts.map((part) => number(part, start + i));
          }),
        );
        const values = rows.flat();
        const data = dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
        return { data, lengths: lists ? Int32Array.from(rows, (r) => r.length) : undefined };
      },
    };
  },
};
