import { type ParseArgsConfig, parseArgs } from 'node:util';
import { fail, nearest } from 'lowbit/tensor';
import type { Flag, Flags } from './flags.ts';

/** What a command line said: only what was given, by the flag's own name. */
export interface ParsedFlags {
  readonly positionals: readonly string[];
  has(name: string): boolean;
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  boolean(name: string): boolean | undefined;
  list(name: string): readonly string[] | undefined;
}

/**
 * Parses strictly, by Node's own tokenizer.
 * @throws flag/unknown with the nearest known flag, flag/value, flag/missing
 */
export function parseFlags(command: string, flags: Flags, rawArgs: readonly string[]): ParsedFlags {
  const named = Object.entries(flags).filter(([, flag]) => flag.type !== 'positional');
  const options: NonNullable<ParseArgsConfig['options']> = Object.fromEntries(
    named.map(([name, flag]) => [
      name,
      { type: typeOf(flag), multiple: true, ...(flag.alias && { short: flag.alias }) },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...rawArgs],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const values = new Map<string, (string | boolean)[]>();
  const positionals: string[] = [];
  const put = (name: string, value: string | boolean) =>
    values.set(name, [...(values.get(name) ?? []), value]);

  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const positive = name.startsWith('no-') ? name.slice(3) : undefined;
    const flag = flags[name];
    if (flag === undefined && positive !== undefined && flags[positive]?.type === 'boolean') {
      if (value !== undefined) fail('flag/value', { flag: rawName, got: `'${value}'`, wanted: 'no value' });
      put(positive, false);
      continue;
    }
    if (flag === undefined || flag.type === 'positional') {
      const known = named.flatMap(([n, f]) => (f.type === 'boolean' ? [n, `no-${n}`] : [n]));
      const near = nearest(name, known);
      fail('flag/unknown', { command, got: rawName, ...(near && { nearest: `--${near}` }) });
    }
    if (flag.type === 'boolean') {
      if (value !== undefined && value !== 'true' && value !== 'false') {
        fail('flag/value', { flag: rawName, got: `'${value}'`, wanted: 'no value' });
      }
      put(flag.negates ?? name, flag.negates === undefined ? value !== 'false' : value === 'false');
    } else put(name, checked(rawName, flag, value, token.inlineValue ?? false));
  }
  refuseMissing(command, flags, positionals, values);
  return {
    positionals,
    has: (name) => values.has(name),
    text: (name) => values.get(name)?.at(-1)?.toString(),
    number: (name) => (values.has(name) ? Number(values.get(name)!.at(-1)) : undefined),
    boolean: (name) => values.get(name)?.at(-1) as boolean | undefined,
    list(name) {
      const given = values.get(name)?.map(String);
      return flags[name]?.repeat ? given : given?.flatMap((v) => v.split(',')).filter((v) => v !== '');
    },
  };
}

const typeOf = (flag: Flag): 'boolean' | 'string' => (flag.type === 'boolean' ? 'boolean' : 'string');

function checked(rawName: string, flag: Flag, value: string | undefined, inline: boolean): string {
  const hint = flag.valueHint === undefined ? '' : `: <${flag.valueHint}>`;
  if (value === undefined || value === '')
    fail('flag/value', { flag: rawName, got: 'nothing', wanted: `a value${hint}` });
  // `--to --force` forgot a value; `--max-drop=-1` means it.
  if (!inline && /^-./.test(value))
    fail('flag/value', { flag: rawName, got: `the flag ${value}`, wanted: `a value${hint}` });
  const { options } = flag;
  if (options !== undefined && !options.includes(value)) {
    fail('flag/value', { flag: rawName, got: `'${value}'`, wanted: `one of ${options.join(', ')}` });
  }
  if (flag.number && !/^\d{1,15}$/.test(value)) {
    fail('flag/value', { flag: rawName, got: `'${value}'`, wanted: 'a whole number' });
  }
  const { least = 0 } = flag;
  if (flag.number && Number(value) < least) {
    fail('flag/value', { flag: rawName, got: value, wanted: `a whole number of at least ${least}` });
  }
  return value;
}

function refuseMissing(
  command: string,
  flags: Flags,
  positionals: readonly string[],
  values: ReadonlyMap<string, unknown>,
): void {
  const wanted = Object.entries(flags).filter(([, flag]) => flag.type === 'positional');
  const usage = `lowbit ${command} ${wanted.map(([n, f]) => `<${n}>${f.repeat ? '...' : ''}`).join(' ')}`;
  for (const [index, [name, flag]] of wanted.entries()) {
    if (flag.required !== false && positionals[index] === undefined) {
      fail('flag/missing', { command, what: `<${name}>`, usage });
    }
  }
  if (positionals.length > wanted.length && wanted.at(-1)?.[1].repeat !== true) {
    const got = `'${positionals[wanted.length]}' too`;
    fail('flag/value', {
      flag: `lowbit ${command}`,
      got,
      wanted: wanted.length === 0 ? 'no file' : `${wanted.map(([n]) => `<${n}>`).join(' ')} and nothing more`,
    });
  }
  for (const [name, flag] of Object.entries(flags)) {
    if (flag.type !== 'positional' && flag.required === true && !values.has(name)) {
      fail('flag/missing', {
        command,
        what: `--${name}`,
        usage: `${usage} --${name} <${flag.valueHint ?? name}>`,
      });
    }
  }
}
