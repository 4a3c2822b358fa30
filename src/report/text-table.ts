/** Tables of text cells, for terminals and for Markdown. */

/** A column of a table: its title, and the text of each row. */
export interface Column<Row> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Empty text where a row has nothing to say. */
  cell(row: Row, index: number): string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes start with ESC
const colourCodes = /\u001b\[\d+m/g;

/** Columns that a text takes on the screen: colour codes take none. */
export const widthOf = (text: string): number => text.replace(colourCodes, '').length;

const pad = (text: string, width: number, align: 'left' | 'right' = 'left') => {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? space + text : text + space;
};

/** Width of a table when it is drawn. */
export function tableWidth<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  return widths(columns, rows).reduce((sum, w) => sum + w + 2, -2);
}

function widths<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number[] {
  return columns.map((c) => Math.max(widthOf(c.title), ...rows.map((row, i) => widthOf(c.cell(row, i)))));
}

/** Lines of a table, two spaces between columns, no trailing space. `style` colours the titles. */
export function textTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: (title: string) => string = (title) => title,
): string[] {
  const size = widths(columns, rows);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => pad(cell, size[i]!, columns[i]!.align))
      .join('  ')
      .trimEnd();
  return [
    style(line(columns.map((c) => c.title))),
    ...rows.map((row, index) => line(columns.map((c) => c.cell(row, index)))),
  ];
}

/** A Markdown table, aligned so that its source reads well too. */
export function markdownTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const escaped = (text: string) =>
    text.replace(colourCodes, '').replaceAll('|', '\\|').replaceAll('\n', ' ');
  const cells = rows.map((row, index) => columns.map((c) => escaped(c.cell(row, index))));
  const size = columns.map((c, i) => Math.max(3, c.title.length, ...cells.map((row) => row[i]!.length)));
  const line = (texts: readonly string[]) =>
    `| ${texts.map((t, i) => pad(t, size[i]!, columns[i]!.align)).join(' | ')} |`;
  const rule = columns.map((c, i) =>
    c.align === 'right' ? `${'-'.repeat(size[i]! - 1)}:` : '-'.repeat(size[i]!),
  );
  return `${[line(columns.map((c) => c.title)), line(rule), ...cells.map(line)].join('\n')}\n`;
}

/** Breaks a text at spaces so that no line is wider than `width`; later lines start with `indent`. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = /^ */.exec(text)![0];
  let words = 0;
  for (const word of text.trim().split(' ')) {
    if (words > 0 && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = indent;
      words = 0;
    }
    line += words++ === 0 ? word : ` ${word}`;
  }
  return [...lines, line];
}
