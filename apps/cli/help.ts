import { textTable, wrap } from 'lowbit/report';
import colors from 'picocolors';
import type { Command } from './command.ts';
import type { Flag } from './flags.ts';

const width = 100;
const groupOrder = ['Recipe', 'GGUF', 'Data', 'Limits', 'Measure', 'Run', 'Output'];

/** The help of one command, from its data. */
export function commandHelp(command: Command, color: boolean): string {
  const { bold, dim } = colors.createColors(color);
  const { meta, args, examples } = command;
  const entries = Object.entries(args);
  const positionals = entries.filter(([, flag]) => flag.type === 'positional');
  const usage = positionals.map(
    ([name, f]) => `${f.required === false ? `[${name}]` : `<${name}>`}${f.repeat ? '...' : ''}`,
  );
  const lines = [
    meta.description,
    '',
    bold('Usage'),
    `  lowbit ${[meta.name, ...usage, '[flags]'].join(' ')}`,
    '',
  ];
  for (const [name, flag] of positionals) lines.push(...describe([[name, flag]], (n) => n), '');
  for (const group of groupOrder) {
    const own = entries.filter(
      ([, flag]) => flag.type !== 'positional' && (flag.group ?? 'Recipe') === group,
    );
    if (own.length > 0) lines.push(bold(group), ...describe(own, flagText), '');
  }
  lines.push(bold('Examples'), ...examples.map((example) => `  ${example}`), '');
  lines.push(
    dim(
      'Exit codes: 0 done, 1 internal error, 2 bad input or environment, 3 limit not met, 130 interrupted.',
    ),
  );
  return `${lines.join('\n')}\n`;
}

function flagText(name: string, flag: Flag): string {
  const { alias, options } = flag;
  const value =
    options !== undefined
      ? ` <${options.join('|')}>`
      : flag.type === 'boolean'
        ? ''
        : ` <${flag.valueHint ?? 'value'}>`;
  return `${alias === undefined ? '    ' : `-${alias}, `}--${name}${value}`;
}

const flagColumn = 38;

/** Name and description side by side; a long name has its description below. */
function describe(
  entries: readonly (readonly [string, Flag])[],
  text: (name: string, flag: Flag) => string,
): string[] {
  return entries.flatMap(([name, flag]) => {
    const head = `  ${text(name, flag)}`;
    const [first = '', ...rest] = wrap(flag.description, width - flagColumn);
    const more = rest.map((line) => ' '.repeat(flagColumn) + line);
    return head.length < flagColumn - 1
      ? [head.padEnd(flagColumn) + first, ...more]
      : [head, ' '.repeat(flagColumn) + first, ...more];
  });
}

/** The help of lowbit itself. */
export function overviewHelp(
  version: string,
  commands: Readonly<Record<string, { readonly description: string }>>,
  color: boolean,
): string {
  const { bold, dim } = colors.createColors(color);
  const rows = Object.entries(commands);
  const table = textTable(
    [
      { title: '', cell: ([name]: (typeof rows)[number]) => name },
      { title: '', cell: ([, command]: (typeof rows)[number]) => command.description },
    ],
    rows,
  ).slice(1);
  return `${[
    `lowbit ${version}: store and compute a trained network in fewer bits, and see what it cost.`,
    '',
    bold('Usage'),
    '  lowbit <command> [flags]',
    '',
    bold('Commands'),
    ...table.map((line) => `  ${line}`),
    '',
    bold('Examples'),
    '  lowbit inspect model.onnx',
    '  lowbit quantize model.onnx --to int8 --calibrate data/ --evaluate data/ -o model.int8.onnx',
    '  lowbit quantize model.onnx --to int8-dynamic,fp16,q4 -o out/',
    '  lowbit compare model.onnx model.int8.onnx --data data/',
    '  lowbit quantize ./checkpoint --to gguf:Q4_K_M -o model.Q4_K_M.gguf',
    '',
    dim('lowbit <command> --help lists the flags of a command. lowbit --version prints the version.'),
  ].join('\n')}\n`;
}
