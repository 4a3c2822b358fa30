import { stderr, stdout } from 'node:process';

/** Where a command writes: results to stdout, everything else to stderr. */
export interface Terminal {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Colours on stdout. */
  readonly color: boolean;
  readonly width: number;
  /** A result. Nothing when quiet. */
  print(text: string): void;
  /** The one JSON document of `--json`. */
  printJson(value: unknown): void;
}

const defaultWidth = 100;
const leastWidth = 60;

export function openTerminal(flags: { json: boolean; quiet: boolean; color: boolean | undefined }): Terminal {
  const { json, quiet } = flags;
  return {
    json,
    quiet,
    color: flags.color ?? wantsColor(stdout),
    // A pseudo-terminal that was given no size says 0.
    width: Math.max(leastWidth, stdout.columns || defaultWidth),
    print: (text) => void (quiet || json || stdout.write(text)),
    printJson: (value) => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
  };
}

/** https://no-color.org and https://force-color.org, then whether a person is looking. */
export function wantsColor(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '0' && FORCE_COLOR !== '') return true;
  return stream.isTTY === true && TERM !== 'dumb';
}

/** A line on stderr. */
export const warn = (text: string): void => void stderr.write(`${text}\n`);
