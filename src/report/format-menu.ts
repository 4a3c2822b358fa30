import type { FormatDetails, MenuEntry } from '../numerics/index.ts';
import { levelPicture } from './level-picture.ts';
import { painter } from './painter.ts';
import { markdownTable, textTable, wrap } from './text-table.ts';

export interface MenuOptions {
  readonly color?: boolean;
  readonly width?: number;
}

/** Formats that differ in the number of bits alone, as one line. */
interface MenuLine {
  readonly first: MenuEntry;
  readonly last: MenuEntry;
}

/** The menu, family by family; widths of one kind (`int1` to `int16`) share a line. */
export function formatMenuText(entries: readonly MenuEntry[], options: MenuOptions = {}): string {
  const { width = 100 } = options;
  const { bold, faint } = painter(options.color ?? false);
  const text: string[] = [];
  for (const family of new Set(entries.map((e) => e.family))) {
    const own = entries.filter((e) => e.family === family);
    const lines = linesOf(own);
    text.push(bold(family), ...wrap(`  ${own[0]!.about}`, width, '  '));
    const sameNeeds = same(own, (e) => e.needs);
    const sameSource = same(own, (e) => e.source);
    const facts = [
      `Runs on: ${own[0]!.familyRuns}${own.every((e) => e.runs === e.familyRuns) ? '' : ' (not every width: lowbit formats NAME says which)'}.`,
      ...(sameNeeds ? [`Needs: ${own[0]!.needs}.`] : []),
      ...(sameSource ? [`Source: ${own[0]!.source}.`] : []),
    ];
    text.push(...wrap(`  ${facts.join(' ')}`, width, '  ').map(faint));
    const columns = [
      { title: '', cell: ({ first, last }: MenuLine) => `  ${pair(first.name, last.name)}` },
      {
        title: 'bits',
        align: 'right' as const,
        cell: ({ first, last }: MenuLine) => pair(bitsText(first), bitsText(last)),
      },
      {
        title: 'levels',
        align: 'right' as const,
        cell: ({ first, last }: MenuLine) => pair(String(first.levels ?? ''), String(last.levels ?? '')),
      },
      {
        title: 'block',
        align: 'right' as const,
        cell: ({ first }: MenuLine) => (first.block === 'free' ? 'any' : String(first.block)),
      },
      ...(sameNeeds ? [] : [{ title: 'needs', cell: ({ first }: MenuLine) => first.needs }]),
      ...(sameSource ? [] : [{ title: 'source', cell: ({ first }: MenuLine) => first.source }]),
    ];
    text.push(...textTable(columns, lines, faint), '');
  }
  text.push(
    'lowbit formats NAME explains one. Use it as --to format:NAME; names that begin with gguf: are used as they are, --to gguf:TYPE.',
  );
  return `${text.join('\n')}\n`;
}

/** The menu as Markdown, one line for all widths of a kind; docs/formats.md holds it. */
export function formatMenuMarkdown(entries: readonly MenuEntry[]): string {
  const lines = [...new Set(entries.map((e) => e.family))].flatMap((family) =>
    linesOf(entries.filter((e) => e.family === family)),
  );
  const code = (name: string) => `\`${name}\``;
  return markdownTable(
    [
      { title: 'format', cell: ({ first, last }) => pair(code(first.name), code(last.name)) },
      { title: 'family', cell: ({ first }) => first.family },
      { title: 'bits', align: 'right', cell: ({ first, last }) => pair(bitsText(first), bitsText(last)) },
      {
        title: 'levels',
        align: 'right',
        cell: ({ first, last }) => pair(String(first.levels ?? ''), String(last.levels ?? '')),
      },
      {
        title: 'block',
        align: 'right',
        cell: ({ first }) => (first.block === 'free' ? 'any' : String(first.block)),
      },
      { title: 'source', cell: ({ first }) => first.source },
    ],
    lines,
  );
}

/** One format: what it is, who runs it, and its levels on a line. */
export function formatDetailsText(
  entry: MenuEntry,
  details: FormatDetails | undefined,
  options: MenuOptions = {},
): string {
  const { width = 100 } = options;
  const { bold, faint } = painter(options.color ?? false);
  const facts: [string, string][] = [
    ['family', `${entry.family}: ${entry.about}`],
    [
      'bits per weight',
      `${bitsText(entry)}${entry.block === 'free' ? ', scales apart' : ', scales included'}`,
    ],
    ['block', entry.block === 'free' ? 'as you choose: tensor, channel, group' : `${entry.block} values`],
    ['needs', entry.needs],
    ['runs on', entry.runs],
    ['source', entry.source],
  ];
  if (details) {
    facts.splice(2, 0, ['levels', levelsText(entry, details)]);
    facts.push(['range by default', details.defaultRange]);
    // A bound above the magnitude itself says nothing: books follow the values.
    if (details.errorBound <= 1)
      facts.push(['largest move', `${details.errorBound.toPrecision(3)} of the block's largest magnitude`]);
  }
  const names = Math.max(...facts.map(([name]) => name.length)) + 2;
  const lines = facts.flatMap(([name, value]) =>
    wrap(value, width - names, '').map((line, i) => `${(i === 0 ? name : '').padEnd(names)}${line}`),
  );
  const text = [bold(entry.name), ...wrap(entry.description, width), '', ...lines];
  if (details) {
    text.push('', ...(details.learned ? [faint('levels learned from a bell curve')] : []));
    text.push(...levelPicture(details.levels, width));
    if (details.levels.length <= 32) text.push('', ...wrap(details.levels.map(levelText).join('  '), width));
  }
  return `${text.join('\n')}\n`;
}

const bitsText = ({ bitsPerWeight }: MenuEntry) => String(Number(bitsPerWeight.toFixed(3)));
const levelText = (level: number) => String(Number(level.toPrecision(6)));
const pair = (first: string, last: string) => (first === last ? first : `${first} to ${last}`);

function levelsText({ levels }: MenuEntry, { unit, hasZero }: FormatDetails): string {
  const count = unit === 1 ? `${levels}` : `${levels}, each of ${unit} values`;
  return `${count}; zero is ${hasZero ? 'one of them' : 'none of them'}`;
}

const same = (entries: readonly MenuEntry[], of: (entry: MenuEntry) => string) =>
  entries.every((entry) => of(entry) === of(entries[0]!));

function linesOf(entries: readonly MenuEntry[]): MenuLine[] {
  const lines = new Map<string, MenuLine>();
  for (const entry of entries) {
    const key = entry.block === 'free' ? `${stem(entry)} ${entry.source}` : entry.name;
    lines.set(key, { first: lines.get(key)?.first ?? entry, last: entry });
  }
  return [...lines.values()];
}

/** The name without its number of bits; of a name without one, the name. */
const stem = ({ name }: MenuEntry) => (/^[a-z]+\d+$/.test(name) ? name.replace(/\d+$/, '') : name);
