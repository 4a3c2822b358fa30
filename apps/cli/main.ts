#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { fail, nearest } from 'lowbit/tensor';
import { commands } from './commands.ts';
import { commandHelp, overviewHelp } from './help.ts';
import { parseFlags } from './parse-flags.ts';
import { reportError } from './report-error.ts';
import { openTerminal, wantsColor, warn } from './terminal.ts';

const interrupted = 130;
const terminated = 143;
/** What tidying up may take before a second Ctrl-C cuts it short. */
const tidyMs = 2000;

/** Runs a command line and gives the exit code. */
async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const [name, ...rest] = args;
  const color = wantsColor(process.stdout);
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(overviewHelp(version(), commands, color));
    return 0;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  if (!Object.hasOwn(commands, name)) {
    const known = Object.keys(commands);
    const near = nearest(name, known);
    fail('command/unknown', { got: name, known, ...(near && { nearest: near }) });
  }
  const command = await commands[name as keyof typeof commands].load();
  const end = rest.indexOf('--');
  const before = end < 0 ? rest : rest.slice(0, end);
  if (before.includes('--help') || before.includes('-h')) {
    process.stdout.write(commandHelp(command, color));
    return 0;
  }
  const flags = parseFlags(name, command.args, rest);
  const terminal = openTerminal({
    json: flags.boolean('json') ?? false,
    quiet: flags.boolean('quiet') ?? false,
    color: flags.boolean('color'),
  });
  return command.execute({ flags, terminal, signal });
}

function version(): string {
  const manifest = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/**
 * The first Ctrl-C stops the work and lets it tidy up; a later one does not wait. One that follows at once
 * is the same one: npm passes it on a second time.
 */
function stopOnSignals(): { signal: AbortSignal; code: () => number | undefined } {
  const controller = new AbortController();
  let first: { code: number; at: number } | undefined;
  const stop = (code: number) => () => {
    if (first === undefined) {
      first = { code, at: performance.now() };
      if (process.stderr.isTTY) warn('\nstopping; once more to stop at once');
      controller.abort();
    } else if (performance.now() - first.at > tidyMs) process.exit(code);
  };
  process.on('SIGINT', stop(interrupted));
  process.on('SIGTERM', stop(terminated));
  return { signal: controller.signal, code: () => first?.code };
}

// `lowbit ... | head` closes the pipe early: that is the reader's right and no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const stopping = stopOnSignals();
const args = process.argv.slice(2);
const end = args.indexOf('--');
// A command line that cannot be parsed has no flags yet, and its error is a document all the same.
const json = (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--json' || arg === '--json=true');
const exitCode = await run(args, stopping.signal).catch((error) => reportError(error, json));
process.exitCode = stopping.code() ?? exitCode;
