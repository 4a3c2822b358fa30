import { LowbitError } from 'lowbit/tensor';
import colors from 'picocolors';
import { wantsColor, warn } from './terminal.ts';

/** What the system says when it, and not lowbit, is at fault; anything else unnamed is a bug. */
const environmentErrors: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

const badInput = 2;
const internal = 1;

/**
 * Says on stderr what went wrong and gives the exit code. With `--json`, stdout gets its one document, too:
 * {"error": {code, message, details}}.
 */
export function reportError(error: unknown, json = false): number {
  const said = sayError(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: said.error }, jsonValue, 2)}\n`);
  return said.exitCode;
}

const jsonValue = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

interface Said {
  readonly exitCode: number;
  readonly error: { readonly code: string; readonly message: string; readonly details: unknown };
}

function sayError(error: unknown): Said {
  const { red, dim } = colors.createColors(wantsColor(process.stderr));
  const debug = process.env.LOWBIT_DEBUG !== undefined && process.env.LOWBIT_DEBUG !== '';
  const prefix = red('error:');
  const trace = () => debug && warn(dim((error as Error)?.stack ?? String(error)));
  if (error instanceof LowbitError) {
    warn(`${prefix} ${error.message}`);
    trace();
    const { code, message, details, exitCode } = error;
    return { exitCode, error: { code, message, details } };
  }
  const { code, path, message } = (error ?? {}) as NodeJS.ErrnoException;
  const cause = environmentErrors[code ?? ''];
  if (cause !== undefined) {
    const text = `${path ?? message}: ${cause}.`;
    warn(`${prefix} ${text}`);
    trace();
    return { exitCode: badInput, error: { code: `system/${code}`, message: text, details: { path } } };
  }
  warn(`${prefix} internal: ${message ?? String(error)}`);
  if (debug) trace();
  else
    warn(
      'This is a bug in lowbit. Run again with LOWBIT_DEBUG=1 and report the command with what it prints.',
    );
  return { exitCode: internal, error: { code: 'internal', message: message ?? String(error), details: {} } };
}
